package org.scorecam.image;

import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import javax.imageio.stream.ImageInputStream;

/**
 * What ImageIO leaves undone about BMP files: whether all rows are there.
 *
 * <p>A BMP file is a file header, an information header of one of several lengths, masks or a
 * palette, and rows (Microsoft, "Bitmap Storage"; the numbers are little-endian).
 *
 * @param input the file, its colour space set to sRGB in place
 */
record BmpFile(ImageInputStream input) implements PictureFile {
  private static final int FILE_HEADER = 14;
  private static final int OS2_HEADER = 12;
  private static final int MIN_HEADER = 40;

  /** From this length on, the header names a colour space. */
  private static final int V4_HEADER = 108;

  private static final int COLOUR_SPACE = FILE_HEADER + 56;
  private static final int SRGB = 0x73524742;

  private static final int RLE8 = 1;
  private static final int RLE4 = 2;
  private static final int JPEG = 4;
  private static final int PNG = 5;

  static BmpFile open(byte[] data) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
    require(data.length >= FILE_HEADER + OS2_HEADER);
    long pixels = Integer.toUnsignedLong(buffer.getInt(10));
    long header = Integer.toUnsignedLong(buffer.getInt(FILE_HEADER));
    boolean os2 = header == OS2_HEADER;
    if (!os2 && header < MIN_HEADER) {
      throw new IOException(
          "its header has %d bytes, as in no version of the format".formatted(header));
    }
    require(header <= data.length - FILE_HEADER && pixels <= data.length);
    long width = os2 ? buffer.getShort(18) & 0xffff : buffer.getInt(18);
    long height = os2 ? buffer.getShort(20) & 0xffff : Math.abs((long) buffer.getInt(22));
    int bits = buffer.getShort(os2 ? 24 : 28) & 0xffff;
    int compression = os2 ? 0 : buffer.getInt(30);
    switch (compression) {
      case RLE4, RLE8 -> requireEnd(data, (int) pixels, compression);
      case JPEG, PNG ->
          throw new IOException(
              "it holds a %s; save that as a file of its own"
                  .formatted(compression == JPEG ? "JPEG" : "PNG"));
      default -> {
        // Sizes that are too large, or are none, are refused in other words.
        if (width > 0 && height > 0 && width <= Integer.MAX_VALUE / Math.max(1, bits)) {
          long row = (width * bits + 31) / 32 * 4;
          require(height <= (data.length - pixels) / row);
        }
      }
    }
    if (header >= V4_HEADER) {
      buffer.putInt(COLOUR_SPACE, SRGB);
    }
    return new BmpFile(new ByteArrayImageInputStream(data));
  }

  private static void require(boolean complete) throws EOFException {
    if (!complete) {
      throw new EOFException();
    }
  }

  /**
   * Runs of equal pixels are a count and a value; a count of 0 says that the value is one of the
   * end of a row (0), the end of the picture (1), a step (2), or a number of pixels that follow one
   * by one, filled up to whole 16-bit words.
   */
  private static void requireEnd(byte[] data, int begin, int compression) throws EOFException {
    int at = begin;
    while (true) {
      require(at + 2 <= data.length);
      int count = data[at] & 0xff;
      int value = data[at + 1] & 0xff;
      at += 2;
      if (count == 0 && value == 1) {
        return;
      }
      if (count == 0 && value == 2) {
        at += 2;
      } else if (count == 0 && value > 2) {
        int bytes = compression == RLE8 ? value : (value + 1) / 2;
        at += bytes + bytes % 2;
      }
    }
  }
}
