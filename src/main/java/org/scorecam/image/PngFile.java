package org.scorecam.image;

import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;
import javax.imageio.stream.ImageInputStream;

/**
 * What ImageIO leaves undone about PNG files: checksums, a missing end, a size of nothing, and the
 * EXIF block.
 *
 * <p>A PNG file is a signature and a sequence of chunks, each a length, a type, data and a checksum
 * of type and data (W3C, "Portable Network Graphics (PNG) Specification", section 5).
 *
 * @param input the file as it is: the decoder leaves profiles alone
 * @param orientation how the pixels are to be turned
 */
record PngFile(ImageInputStream input, Orientation orientation) implements PictureFile {
  private static final int SIGNATURE_LENGTH = 8;

  /** Length, type and checksum. */
  private static final int CHUNK_OVERHEAD = 12;

  /** Walks all chunks; those that a decoder may skip may be damaged. */
  static PngFile open(byte[] data, String what) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(data).position(SIGNATURE_LENGTH);
    long width = -1;
    long height = -1;
    Orientation orientation = Orientation.UPRIGHT;
    while (true) {
      if (buffer.remaining() < CHUNK_OVERHEAD) {
        throw new IOException("it ends before its end chunk");
      }
      int start = buffer.position();
      int length = buffer.getInt();
      String type = new String(data, start + 4, 4, StandardCharsets.ISO_8859_1);
      if (length < 0 || length > data.length - start - CHUNK_OVERHEAD) {
        throw new IOException("it ends inside a chunk of type " + printable(type));
      }
      boolean critical = Character.isUpperCase(type.charAt(0));
      CRC32 crc = new CRC32();
      crc.update(data, start + 4, 4 + length);
      if (critical && (int) crc.getValue() != buffer.getInt(start + 8 + length)) {
        throw new IOException("the checksum of a chunk of type " + printable(type) + " is wrong");
      }
      if (type.equals("IHDR") && length >= 8) {
        width = Integer.toUnsignedLong(buffer.getInt(start + 8));
        height = Integer.toUnsignedLong(buffer.getInt(start + 12));
      }
      if (type.equals("eXIf")) {
        orientation = Orientation.ofTiff(Arrays.copyOfRange(data, start + 8, start + 8 + length));
      }
      if (type.equals("IEND")) {
        if (width < 0) {
          throw new IOException("it has no header");
        }
        Picture.checkSize(width, height, what);
        return new PngFile(new ByteArrayImageInputStream(data), orientation);
      }
      buffer.position(start + CHUNK_OVERHEAD + length);
    }
  }

  private static String printable(String type) {
    return type.replaceAll("[^A-Za-z]", "?");
  }
}
