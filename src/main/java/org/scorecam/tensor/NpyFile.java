package org.scorecam.tensor;

import static java.util.stream.Collectors.joining;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;

/**
 * NumPy's {@code .npy} files of float32 or float64 in C order.
 *
 * <p>The format is NumPy's own, <a
 * href="https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html">versions 1.0 to
 * 3.0</a>: a magic string, the version, the header's length, and a Python literal with the keys
 * {@code descr}, {@code fortran_order} and {@code shape}. No Java library of it is maintained.
 */
public final class NpyFile {
  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final int HEADER_LIMIT = 64 * 1024;
  private static final int ALIGNMENT = 64;
  private static final Pattern DESCR = Pattern.compile("'descr'\\s*:\\s*'([^']*)'");
  private static final Pattern ORDER = Pattern.compile("'fortran_order'\\s*:\\s*(True|False)");
  private static final Pattern SHAPE = Pattern.compile("'shape'\\s*:\\s*\\(([\\d\\s,]*)\\)");

  private NpyFile() {}

  /**
   * Reads a file into a tensor.
   *
   * @param path the file
   * @return a contiguous float32 tensor on the CPU, owned by the caller; float64 is rounded
   * @throws InputException if the file is missing, truncated, longer than its shape says, or holds
   *     something else
   */
  public static Tensor read(Path path) {
    if (!Files.isRegularFile(path)) {
      throw new InputException("there is no file " + path);
    }
    try (DataInputStream in = new DataInputStream(Files.newInputStream(path))) {
      Header header = readHeader(path, in);
      long available = Files.size(path) - header.length;
      long expected = Math.multiplyExact(header.count, (long) header.width);
      if (available != expected) {
        throw new InputException(
            "%s is %s: its shape %s needs %d bytes of values, there are %d"
                .formatted(
                    path,
                    available < expected ? "truncated" : "damaged",
                    header.shape,
                    expected,
                    available));
      }
      if (expected > Integer.MAX_VALUE - 8) {
        throw new InputException(
            "%s holds %d bytes, more than can be read at once".formatted(path, expected));
      }
      ByteBuffer bytes = ByteBuffer.wrap(in.readNBytes((int) expected)).order(header.byteOrder);
      float[] values = new float[(int) header.count];
      for (int i = 0; i < values.length; i++) {
        values[i] = header.width == Float.BYTES ? bytes.getFloat() : (float) bytes.getDouble();
      }
      return Tensors.of(values, header.shape.stream().mapToLong(Long::longValue).toArray());
    } catch (EOFException e) {
      throw new InputException(path + " is truncated: it ends inside its header", e);
    } catch (IOException e) {
      throw new InputException(path + " cannot be read: " + e.getMessage(), e);
    } catch (ArithmeticException e) {
      throw new InputException(path + " has a shape too large to hold", e);
    }
  }

  /**
   * Writes values as float32, little-endian, in C order.
   *
   * @param out where to; not closed
   * @param values in row-major order
   * @param shape sizes whose product is the number of values
   * @throws IOException if writing fails
   */
  public static void write(OutputStream out, float[] values, long... shape) throws IOException {
    String sizes = LongStream.of(shape).mapToObj(size -> size + ",").collect(joining(" "));
    String literal = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }".formatted(sizes);
    int prefix = MAGIC.length + 4;
    int padding = ALIGNMENT - (prefix + literal.length() + 1) % ALIGNMENT;
    byte[] header =
        (literal + " ".repeat(padding % ALIGNMENT) + "\n").getBytes(StandardCharsets.US_ASCII);
    ByteBuffer bytes =
        ByteBuffer.allocate(prefix + header.length + values.length * Float.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.put(MAGIC).put((byte) 1).put((byte) 0).putShort((short) header.length).put(header);
    bytes.asFloatBuffer().put(values);
    out.write(bytes.array());
  }

  private record Header(
      ByteOrder byteOrder, int width, List<Long> shape, long count, long length) {}

  private static Header readHeader(Path path, DataInputStream in) throws IOException {
    byte[] magic = new byte[MAGIC.length];
    in.readFully(magic);
    if (!Arrays.equals(magic, MAGIC)) {
      throw new InputException(path + " is no .npy file");
    }
    int version = in.readUnsignedByte();
    in.readUnsignedByte();
    boolean wide = version >= 2;
    long length = Short.toUnsignedInt(Short.reverseBytes(in.readShort()));
    if (wide) {
      length |= (long) Short.toUnsignedInt(Short.reverseBytes(in.readShort())) << 16;
    }
    if (version > 3 || length > HEADER_LIMIT) {
      throw new InputException(
          "%s has a .npy header of version %d and %d bytes; versions 1 to 3 and %d bytes are read"
              .formatted(path, version, length, HEADER_LIMIT));
    }
    byte[] literal = new byte[(int) length];
    in.readFully(literal);
    String text = new String(literal, StandardCharsets.UTF_8);
    String descr = find(path, DESCR, text);
    if (!descr.matches("[<>=|]?f[48]")) {
      throw new InputException(
          "%s holds values of type '%s'; float32 ('<f4') is needed".formatted(path, descr));
    }
    if (find(path, ORDER, text).equals("True")) {
      throw new InputException(path + " is in Fortran order; C order is needed");
    }
    List<Long> shape =
        Arrays.stream(find(path, SHAPE, text).split(",", -1))
            .map(String::strip)
            .filter(size -> !size.isEmpty())
            .map(size -> parseSize(path, size))
            .toList();
    long count = 1;
    for (long size : shape) {
      count = Math.multiplyExact(count, size);
    }
    ByteOrder order = descr.startsWith(">") ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
    int width = descr.endsWith("8") ? Double.BYTES : Float.BYTES;
    return new Header(order, width, shape, count, MAGIC.length + 2 + (wide ? 4 : 2) + length);
  }

  private static String find(Path path, Pattern key, String header) {
    Matcher found = key.matcher(header);
    if (!found.find()) {
      throw new InputException(path + " has a damaged .npy header: " + header.strip());
    }
    return found.group(1);
  }

  private static Long parseSize(Path path, String size) {
    try {
      return Long.valueOf(size);
    } catch (NumberFormatException e) {
      throw new InputException(path + " has a damaged .npy header: size " + size, e);
    }
  }
}
