package org.scorecam.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * How stored pixels are turned and mirrored to be seen upright: tag 0x0112 of EXIF.
 *
 * <p>CIPA DC-008, "Exchangeable image file format for digital still cameras", section 4.6.4.
 *
 * @param value 1 to 8
 */
record Orientation(int value) {
  static final Orientation UPRIGHT = new Orientation(1);

  private static final int TAG = 0x0112;
  private static final int ENTRY_LENGTH = 12;
  private static final int TYPE_SHORT = 3;

  /** The orientation of that value; upright if there is none. */
  static Orientation of(long value) {
    return value >= 1 && value <= 8 ? new Orientation((int) value) : UPRIGHT;
  }

  /** The orientation that an EXIF block names; upright if it names none, or none that exists. */
  static Orientation ofTiff(byte[] block) {
    if (block.length < 8 || block[0] != block[1] || (block[0] != 'I' && block[0] != 'M')) {
      return UPRIGHT;
    }
    ByteBuffer tiff =
        ByteBuffer.wrap(block)
            .order(block[0] == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
    int directory = tiff.getInt(4);
    if (directory < 0 || directory > block.length - 2) {
      return UPRIGHT;
    }
    int entries = tiff.getShort(directory) & 0xffff;
    for (int i = 0; i < entries; i++) {
      int entry = directory + 2 + i * ENTRY_LENGTH;
      if (entry > block.length - ENTRY_LENGTH) {
        break;
      }
      if ((tiff.getShort(entry) & 0xffff) == TAG && tiff.getShort(entry + 2) == TYPE_SHORT) {
        return of(tiff.getShort(entry + 8));
      }
    }
    return UPRIGHT;
  }

  /** The picture as it is meant to be seen. */
  Picture apply(Picture stored) {
    if (value == 1) {
      return stored;
    }
    int w = stored.width();
    int h = stored.height();
    boolean swapsSides = value >= 5;
    int width = swapsSides ? h : w;
    int height = swapsSides ? w : h;
    boolean fromRight = value == 2 || value == 3 || value == 7 || value == 8;
    boolean fromBottom = value == 3 || value == 4 || value == 6 || value == 7;
    int first = (fromRight ? w - 1 : 0) + (fromBottom ? (h - 1) * w : 0);
    int alongRow = fromRight ? -1 : 1;
    int alongColumn = fromBottom ? -w : w;
    int perX = swapsSides ? alongColumn : alongRow;
    int perY = swapsSides ? alongRow : alongColumn;

    byte[] in = stored.bytes();
    byte[] out = new byte[in.length];
    int at = 0;
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int from = 3 * (first + x * perX + y * perY);
        out[at++] = in[from];
        out[at++] = in[from + 1];
        out[at++] = in[from + 2];
      }
    }
    return new Picture(width, height, out);
  }
}
