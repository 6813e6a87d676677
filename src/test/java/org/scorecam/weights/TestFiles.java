package org.scorecam.weights;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Weight files, good and bad, byte by byte. */
final class TestFiles {
  private TestFiles() {}

  /** One of the files that {@code make_weights.py} wrote. */
  static Path resource(String name) {
    try {
      return Path.of(TestFiles.class.getResource("/weights/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A safetensors file: a header, with its length before it, and what follows. */
  static byte[] safetensors(String header, byte[] data) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    byte[] file = new byte[Long.BYTES + json.length + data.length];
    littleEndian(file).putLong(json.length).put(json).put(data);
    return file;
  }

  static byte[] floats(float... values) {
    byte[] bytes = new byte[values.length * Float.BYTES];
    littleEndian(bytes).asFloatBuffer().put(values);
    return bytes;
  }

  /** A pickle of protocol 2, written as characters up to 255; the end is added. */
  static byte[] pickle(String opcodes) {
    return ("\u0080\u0002" + opcodes + ".").getBytes(StandardCharsets.ISO_8859_1);
  }

  /** The opcodes of a short string. */
  static String text(String value) {
    return "U" + (char) value.length() + value;
  }

  /** The opcodes of a number from 0 to 65535. */
  static String number(int value) {
    return "M" + (char) (value & 0xff) + (char) (value >> 8);
  }

  /** The opcodes of a float32 tensor in storage 0, given its offset, shape and strides. */
  static String tensor(int elements, int offset, String shape, String strides) {
    return "ctorch._utils\n_rebuild_tensor_v2\n(("
        + text("storage")
        + "ctorch\nFloatStorage\n"
        + text("0")
        + text("cpu")
        + number(elements)
        + "tQ"
        + number(offset)
        + shape
        + strides
        + "\u0089ccollections\nOrderedDict\n)RtR";
  }

  /** A dict with one tensor, {@code w}. */
  static byte[] stateDict(String tensor) {
    return pickle("}" + text("w") + tensor + "s");
  }

  /**
   * A zip file with a pickle and the elements of storage 0, as {@code torch.save} lays them out.
   */
  static byte[] torchZip(byte[] pickle, byte[] storage) {
    return zip(Map.of("archive/data.pkl", pickle, "archive/data/0", storage), ZipEntry.STORED);
  }

  static byte[] zip(Map<String, byte[]> records, int method) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      for (Map.Entry<String, byte[]> record : records.entrySet()) {
        ZipEntry entry = new ZipEntry(record.getKey());
        entry.setMethod(method);
        entry.setSize(record.getValue().length);
        CRC32 crc = new CRC32();
        crc.update(record.getValue());
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(record.getValue());
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return bytes.toByteArray();
  }

  /** What {@code torch.save} wrote before PyTorch 1.6, with one storage of four floats. */
  static byte[] legacy(byte[] object, String keys, long elements) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream out = bytes) {
      out.write(pickle("\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\u0019"));
      out.write(pickle(number(1001)));
      out.write(pickle("}" + text("little_endian") + "\u0088s"));
      out.write(object);
      out.write(pickle(keys));
      byte[] count = new byte[Long.BYTES];
      littleEndian(count).putLong(elements);
      out.write(count);
      out.write(floats(1, 2, 3, 4));
    }
    return bytes.toByteArray();
  }

  static Path write(Path folder, byte[] content) {
    try {
      return Files.write(folder.resolve("weights.bin"), content);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
