package org.scorecam.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;

/** The pictures of the tests' resources, and files made byte by byte. */
final class TestPictures {
  /** Of a profile in one segment, whose length is 16 bits. */
  private static final int PROFILE_PART = 65_000;

  private TestPictures() {}

  static byte[] bytes(String name) {
    try (InputStream in = TestPictures.class.getResourceAsStream("/image/" + name)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Picture picture(String name) {
    return Picture.decode(bytes(name), name);
  }

  /** Largest difference of any channel of any pixel. */
  static int distance(Picture a, Picture b) {
    if (a.width() != b.width() || a.height() != b.height()) {
      throw new AssertionError(a + " is not of the size of " + b);
    }
    byte[] left = a.toBytes();
    byte[] right = b.toBytes();
    int largest = 0;
    for (int i = 0; i < left.length; i++) {
      largest = Math.max(largest, Math.abs((left[i] & 0xff) - (right[i] & 0xff)));
    }
    return largest;
  }

  static byte[] withExifOrientation(byte[] jpeg, int orientation, boolean littleEndian) {
    return withSegment(jpeg, 0xe1, "Exif\0\0", tiff(orientation, littleEndian));
  }

  /** A JPEG with a profile in as many segments as it takes. */
  static byte[] withColourProfile(byte[] jpeg, byte[] profile) {
    int parts = Math.max(1, (profile.length + PROFILE_PART - 1) / PROFILE_PART);
    byte[] file = jpeg;
    for (int part = parts; part >= 1; part--) {
      int end = Math.min(profile.length, part * PROFILE_PART);
      String name = "ICC_PROFILE\0" + (char) part + (char) parts;
      file =
          withSegment(
              file, 0xe2, name, Arrays.copyOfRange(profile, (part - 1) * PROFILE_PART, end));
    }
    return file;
  }

  /** A JPEG with a segment put behind its start marker. */
  private static byte[] withSegment(byte[] jpeg, int marker, String name, byte[] data) {
    byte[] prefix = name.getBytes(StandardCharsets.US_ASCII);
    int length = 2 + prefix.length + data.length;
    ByteBuffer all = ByteBuffer.allocate(jpeg.length + 2 + length);
    all.put(jpeg, 0, 2).put((byte) 0xff).put((byte) marker).putShort((short) length);
    all.put(prefix).put(data).put(jpeg, 2, jpeg.length - 2);
    return all.array();
  }

  /** An EXIF block with another tag before the orientation. */
  static byte[] tiff(int orientation, boolean littleEndian) {
    ByteBuffer tiff = ByteBuffer.allocate(8 + 2 + 2 * 12 + 4);
    tiff.order(littleEndian ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
    tiff.put((byte) (littleEndian ? 'I' : 'M')).put((byte) (littleEndian ? 'I' : 'M'));
    tiff.putShort((short) 42).putInt(8).putShort((short) 2);
    tiff.putShort((short) 0x0100).putShort((short) 4).putInt(1).putInt(64);
    tiff.putShort((short) 0x0112).putShort((short) 3).putInt(1);
    tiff.putShort((short) orientation).putShort((short) 0).putInt(0);
    return tiff.array();
  }

  /** A PNG file of the given chunks, with right checksums. */
  static byte[] png(byte[]... chunks) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
    for (byte[] chunk : chunks) {
      out.writeBytes(chunk);
    }
    return out.toByteArray();
  }

  static byte[] chunk(String type, byte[] data) {
    byte[] name = type.getBytes(StandardCharsets.US_ASCII);
    CRC32 crc = new CRC32();
    crc.update(name);
    crc.update(data);
    return ByteBuffer.allocate(12 + data.length)
        .putInt(data.length)
        .put(name)
        .put(data)
        .putInt((int) crc.getValue())
        .array();
  }

  static byte[] header(int width, int height, int bits, int colourType) {
    return chunk(
        "IHDR",
        ByteBuffer.allocate(13)
            .putInt(width)
            .putInt(height)
            .put((byte) bits)
            .put((byte) colourType)
            .array());
  }

  /** The filtered rows of a PNG, compressed. */
  static byte[] data(int... filteredBytes) {
    byte[] raw = new byte[filteredBytes.length];
    for (int i = 0; i < raw.length; i++) {
      raw[i] = (byte) filteredBytes[i];
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (var deflater = new DeflaterOutputStream(out)) {
      deflater.write(raw);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return chunk("IDAT", out.toByteArray());
  }

  static byte[] end() {
    return chunk("IEND", new byte[0]);
  }
}
