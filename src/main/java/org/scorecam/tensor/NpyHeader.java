package org.scorecam.tensor;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.InputException;

/**
 * What stands before the values of a {@code .npy} file.
 *
 * <p>A magic string, the version, the header's length, and a Python literal with the keys {@code
 * descr}, {@code fortran_order} and {@code shape}.
 *
 * @param dtype of the values; what NumPy calls bool are bytes
 * @param bool whether every byte but 0 is 1
 * @param width bytes of a value
 * @param bigEndian whether the first of these is the highest
 * @param fortranOrder whether the first index runs fastest
 * @param shape sizes, outermost first
 * @param count values, the product of the sizes
 * @param length bytes before the first value
 */
record NpyHeader(
    ScalarType dtype,
    boolean bool,
    int width,
    boolean bigEndian,
    boolean fortranOrder,
    List<Long> shape,
    long count,
    long length) {
  static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};

  private static final int LAST_VERSION = 3;
  private static final int HEADER_LIMIT = 64 * 1024;

  /** NumPy's own limit has been 64 since version 2. */
  private static final int MAX_DIMENSIONS = 64;

  private static final int SHOWN = 100;
  private static final Pattern DESCR =
      Pattern.compile("['\"]descr['\"]\\s*:\\s*(\\[|['\"][^'\"]*['\"])");
  private static final Pattern ORDER =
      Pattern.compile("['\"]fortran_order['\"]\\s*:\\s*(True|False)");
  // Python 2 put an L behind long integers.
  private static final Pattern SHAPE =
      Pattern.compile(
          "['\"]shape['\"]\\s*:\\s*\\(((?:\\s*\\d+L?\\s*,)*(?:\\s*\\d+L?\\s*)?)\\s*\\)");
  private static final Pattern NUMBERS = Pattern.compile("([<>=|]?)([biuf])(\\d+)");

  /**
   * Reads a header, and nothing behind it.
   *
   * @param name begins the messages
   * @throws InputException if it is damaged, or says that the values are of a kind that is not read
   */
  static NpyHeader read(DataInputStream in, String name) throws IOException {
    try {
      return readFrom(in, name);
    } catch (EOFException e) {
      throw new InputException(name + " is truncated: it ends inside its header", e);
    } catch (ArithmeticException e) {
      throw new InputException(name + " has a shape with more values than 64 bits can count", e);
    }
  }

  private static NpyHeader readFrom(DataInputStream in, String name) throws IOException {
    byte[] magic = in.readNBytes(MAGIC.length);
    if (magic.length == 0) {
      throw new InputException(name + " is empty");
    }
    if (!Arrays.equals(magic, 0, magic.length, MAGIC, 0, magic.length)) {
      throw new InputException(
          name + " is not a .npy file; numpy.save writes one, and torch.save does not");
    }
    if (magic.length < MAGIC.length) {
      throw new EOFException();
    }
    int version = in.readUnsignedByte();
    in.readUnsignedByte();
    boolean wide = version >= 2;
    long length = Short.toUnsignedInt(Short.reverseBytes(in.readShort()));
    if (wide) {
      length |= (long) Short.toUnsignedInt(Short.reverseBytes(in.readShort())) << 16;
    }
    if (version < 1 || version > LAST_VERSION || length > HEADER_LIMIT) {
      throw new InputException(
          "%s has a .npy header of version %d and %d bytes; only versions 1 to %d and up to %d bytes are read"
              .formatted(name, version, length, LAST_VERSION, HEADER_LIMIT));
    }
    byte[] literal = new byte[(int) length];
    in.readFully(literal);
    long valuesAt = MAGIC.length + 2 + (wide ? Integer.BYTES : Short.BYTES) + length;
    return parse(new String(literal, StandardCharsets.UTF_8), name, valuesAt);
  }

  private static NpyHeader parse(String text, String name, long valuesAt) {
    String descr = find(DESCR, text, name);
    if (descr.startsWith("[")) {
      throw new InputException(
          name + " holds records of several fields; save one of them, as array['field']");
    }
    descr = descr.substring(1, descr.length() - 1);
    Matcher numbers = NUMBERS.matcher(descr);
    ScalarType dtype = numbers.matches() ? dtypeOf(numbers.group(2) + numbers.group(3)) : null;
    if (dtype == null) {
      throw new InputException(
          "%s holds %s (dtype '%s'); save numbers, for example with array.astype('float32')"
              .formatted(name, kindOf(descr), printable(descr)));
    }
    boolean fortranOrder = find(ORDER, text, name).equals("True");
    List<Long> shape =
        Arrays.stream(find(SHAPE, text, name).split(",", -1))
            .map(size -> size.strip().replace("L", ""))
            .filter(size -> !size.isEmpty())
            .map(size -> parseSize(size, name))
            .toList();
    if (shape.size() > MAX_DIMENSIONS) {
      throw new InputException(
          "%s has %d dimensions, where at most %d are read"
              .formatted(name, shape.size(), MAX_DIMENSIONS));
    }
    int width = Integer.parseInt(numbers.group(3));
    long count = 1;
    // An empty array may have any other sizes.
    for (long size : shape.contains(0L) ? List.of(0L) : shape) {
      count = Math.multiplyExact(count, size);
    }
    Math.multiplyExact(count, (long) Math.max(width, Float.BYTES));
    return new NpyHeader(
        dtype,
        numbers.group(2).equals("b"),
        width,
        numbers.group(1).equals(">"),
        fortranOrder,
        shape,
        count,
        valuesAt);
  }

  /** Null for what numbers of this kind there are not, or LibTorch does not have. */
  private static ScalarType dtypeOf(String kind) {
    return switch (kind) {
      case "f2" -> ScalarType.Half;
      case "f4" -> ScalarType.Float;
      case "f8" -> ScalarType.Double;
      case "i1" -> ScalarType.Char;
      case "i2" -> ScalarType.Short;
      case "i4" -> ScalarType.Int;
      case "i8" -> ScalarType.Long;
      case "u1", "b1" -> ScalarType.Byte;
      case "u2" -> ScalarType.UInt16;
      case "u4" -> ScalarType.UInt32;
      case "u8" -> ScalarType.UInt64;
      default -> null;
    };
  }

  private static String kindOf(String descr) {
    String kind = descr.replaceFirst("^[<>=|]", "");
    return switch (kind.isEmpty() ? ' ' : kind.charAt(0)) {
      case 'O' -> "Python objects";
      case 'c' -> "complex numbers";
      case 'S', 'U', 'a' -> "text";
      case 'M', 'm' -> "times";
      case 'f' -> "floating-point numbers of a width that differs between machines";
      case 'V' ->
          "bytes without a meaning, as NumPy saves bfloat16 and float8, which are not its own";
      default -> "values of an unknown kind";
    };
  }

  private static String find(Pattern key, String header, String name) {
    Matcher found = key.matcher(header);
    if (!found.find()) {
      throw new InputException(name + " has a damaged .npy header: " + printable(header.strip()));
    }
    return found.group(1);
  }

  private static Long parseSize(String size, String name) {
    try {
      return Long.valueOf(size);
    } catch (NumberFormatException e) {
      throw new InputException(name + " has a damaged .npy header: size " + printable(size), e);
    }
  }

  /** A hostile header may be long, or forge lines of a log. */
  private static String printable(String text) {
    String start = text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "…";
    return start.replaceAll("\\p{Cntrl}", "?");
  }
}
