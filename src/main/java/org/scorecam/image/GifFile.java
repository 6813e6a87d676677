package org.scorecam.image;

import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import java.awt.image.BufferedImage;
import java.io.EOFException;
import java.io.IOException;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;

/**
 * The first frame of a GIF file, where it lies on the screen.
 *
 * <p>A GIF file is a header, a screen of a size and maybe a palette, and blocks: extensions, and
 * images that each have a place on the screen (CompuServe, "Graphics Interchange Format, Version
 * 89a"). What follows the first image need not be there.
 *
 * @param input the file as it is
 * @param canvas the screen, and the first image on it
 */
record GifFile(ImageInputStream input, Canvas canvas) implements PictureFile {
  private static final int SCREEN = 6;
  private static final int SCREEN_END = 13;
  private static final int EXTENSION = 0x21;
  private static final int IMAGE = 0x2c;
  private static final int IMAGE_HEADER = 10;

  static GifFile open(byte[] data, String what) throws IOException {
    require(data.length >= SCREEN_END);
    int at = SCREEN_END + paletteLength(data[SCREEN + 4]);
    while (true) {
      require(at < data.length);
      int block = data[at] & 0xff;
      if (block == EXTENSION) {
        at = endOfSubBlocks(data, at + 2);
      } else if (block == IMAGE) {
        require(at + IMAGE_HEADER <= data.length);
        Canvas canvas =
            Canvas.of(
                uint16(data, SCREEN),
                uint16(data, SCREEN + 2),
                uint16(data, at + 1),
                uint16(data, at + 3),
                uint16(data, at + 5),
                uint16(data, at + 7),
                what);
        // Behind the palette stands the size of the first codes.
        endOfSubBlocks(data, at + IMAGE_HEADER + paletteLength(data[at + 9]) + 1);
        return new GifFile(new ByteArrayImageInputStream(data), canvas);
      } else {
        throw new IOException("it has no image, or what comes before it is damaged");
      }
    }
  }

  private static void require(boolean complete) throws EOFException {
    if (!complete) {
      throw new EOFException();
    }
  }

  private static int paletteLength(byte flags) {
    return (flags & 0x80) == 0 ? 0 : 3 << ((flags & 0x07) + 1);
  }

  /** Sub-blocks are a length and so many bytes each; one of none is the last. */
  private static int endOfSubBlocks(byte[] data, int begin) throws EOFException {
    int at = begin;
    while (true) {
      require(at < data.length);
      int length = data[at] & 0xff;
      at += 1 + length;
      if (length == 0) {
        return at;
      }
    }
  }

  private static int uint16(byte[] data, int at) {
    return (data[at] & 0xff) | (data[at + 1] & 0xff) << 8;
  }

  @Override
  public BufferedImage read(ImageReader reader) throws IOException {
    RowCount rows = new RowCount();
    reader.addIIOReadUpdateListener(rows);
    BufferedImage frame = reader.read(0);
    // The decoder takes a stream of codes that ends early for a picture that does.
    if (rows.count() < frame.getHeight()) {
      throw new IOException(
          "only %d of its %d rows are there".formatted(rows.count(), frame.getHeight()));
    }
    return canvas.place(frame);
  }
}
