package org.scorecam.weights;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Python's pickle machine as data: a stack, a memo, and the opcodes of the binary protocols, as
 * documented in CPython's {@code Lib/pickletools.py}.
 *
 * <p>Nothing is constructed here but numbers, strings, lists and maps. Names of classes and
 * functions, and what is done with them, go to {@link Globals}; all but the dozen that weights need
 * become {@link PickledObject}s, which do nothing.
 *
 * <p>Why not {@code net.razorvine:pickle}: its table of constructors is one for the whole process,
 * so that this reader could not be told less than another user of it; {@code BUILD} calls {@code
 * __setstate__} by reflection; unknown names become maps instead of errors; and a string's length
 * is allocated before a byte of it is read, two gigabytes for a file of a few bytes. Here a length
 * is compared with the bytes left, and everything else grows by at most one small object per byte.
 *
 * <p>Python's values become: {@code None} null, {@code bool} Boolean, {@code int} Long or {@link
 * BigInteger}, {@code float} Double, {@code str} String, {@code list}, {@code tuple} and {@code
 * set} List, {@code dict} Map. Bytes, and strings too long for a name, become objects that do
 * nothing, and are passed over unread.
 */
final class PickleReader {
  /** What a pickle may name, and what its calls mean. */
  interface Globals {
    /** What a class or function stands for. */
    Object find(String module, String name);

    /** The result of calling what {@link #find} gave. */
    Object call(Object callee, List<?> arguments) throws MalformedFileException;

    /** An object that lies outside of the pickle. */
    Object persistent(Object id) throws MalformedFileException;

    /** Gives an object that {@link #call} made its state. */
    void build(Object object, Object state) throws MalformedFileException;
  }

  /** A hundred thousand tensors need about ten megabytes. */
  private static final long MAX_LENGTH = 16L << 20;

  private static final int MAX_NAME = 1024;

  /** Longer ones are an array's bytes, as protocol 2 writes them. */
  private static final int MAX_STRING = 1 << 16;

  private static final int MAX_SHOWN = 80;

  private final FileBytes bytes;
  private final Globals globals;
  private long limit;
  private final Map<Long, Object> memo = new HashMap<>();
  private final List<List<Object>> outer = new ArrayList<>();
  private List<Object> stack = new ArrayList<>();

  private PickleReader(FileBytes bytes, Globals globals) {
    this.bytes = bytes;
    this.globals = globals;
    this.limit = bytes.position() + MAX_LENGTH;
  }

  /** Reads one pickle, leaving {@code bytes} behind its end. */
  static Object read(FileBytes bytes, Globals globals) throws IOException {
    return new PickleReader(bytes, globals).run();
  }

  private Object run() throws IOException {
    while (true) {
      requireLength(1);
      int opcode = bytes.uint8();
      if (opcode == '.') {
        return pop();
      }
      step(opcode);
    }
  }

  private void step(int opcode) throws IOException {
    switch (opcode) {
      case 0x80 -> requireProtocol(bytes.uint8());
      case 0x95 -> bytes.int64(); // FRAME: a hint for readers that buffer.
      case '(' -> {
        outer.add(stack);
        stack = new ArrayList<>();
      }
      case 'N' -> push(null);
      case 0x88 -> push(true);
      case 0x89 -> push(false);
      case 'J' -> push((long) bytes.int32());
      case 'K' -> push((long) bytes.uint8());
      case 'M' -> push((long) bytes.uint16());
      case 0x8a -> push(bigInteger(bytes.uint8()));
      case 0x8b -> push(bigInteger(bytes.uint32()));
      case 'G' -> push(Double.longBitsToDouble(Long.reverseBytes(bytes.int64())));
      case 'X' -> push(string(bytes.uint32()));
      case 0x8c -> push(string(bytes.uint8()));
      case 0x8d -> push(string(bytes.int64()));
      case 'T' -> push(string(bytes.uint32())); // Python 2's str; also the next.
      case 'U' -> push(string(bytes.uint8()));
      case 'B' -> push(skipped("bytes", bytes.uint32()));
      case 'C' -> push(skipped("bytes", bytes.uint8()));
      case 0x8e -> push(skipped("bytes", bytes.int64()));
      case 0x96 -> push(skipped("bytearray", bytes.int64()));
      case ']', 0x8f -> push(new ArrayList<>());
      case 'a' -> {
        List<Object> value = popTuple(1);
        addAll(peek(), value);
      }
      case 'e', 0x90 -> {
        List<Object> values = popToMark();
        addAll(peek(), values);
      }
      case ')' -> push(new ArrayList<>());
      case 't', 0x91 -> push(popToMark());
      case 0x85 -> push(popTuple(1));
      case 0x86 -> push(popTuple(2));
      case 0x87 -> push(popTuple(3));
      case '}' -> push(new LinkedHashMap<>());
      case 's' -> {
        List<Object> pair = popTuple(2);
        putAll(peek(), pair);
      }
      case 'u' -> {
        List<Object> pairs = popToMark();
        putAll(peek(), pairs);
      }
      case 'q' -> memo.put((long) bytes.uint8(), peek());
      case 'r' -> memo.put(bytes.uint32(), peek());
      case 0x94 -> memo.put((long) memo.size(), peek());
      case 'h' -> push(remembered(bytes.uint8()));
      case 'j' -> push(remembered(bytes.uint32()));
      case 'c' -> push(globals.find(line(), line()));
      case 0x93 -> {
        List<Object> names = popTuple(2);
        push(globals.find(text(names.get(0)), text(names.get(1))));
      }
      case 'R', 0x81 -> {
        List<?> arguments = list(pop());
        push(globals.call(pop(), arguments));
      }
      case 0x92 -> {
        pop(); // Arguments by name.
        List<?> arguments = list(pop());
        push(globals.call(pop(), arguments));
      }
      case 'o' -> {
        List<Object> values = popToMark();
        if (values.isEmpty()) {
          throw new MalformedFileException("its pickle makes an object without a class");
        }
        push(globals.call(values.remove(0), values));
      }
      case '0' -> pop();
      case '1' -> popToMark();
      case '2' -> push(peek());
      case 'b' -> {
        Object state = pop();
        globals.build(peek(), state);
      }
      case 'Q' -> push(globals.persistent(pop()));
      default ->
          throw new MalformedFileException(
              String.format(
                  "its pickle has the opcode 0x%02x at byte %d, which torch.save does not write",
                  opcode, bytes.position() - 1));
    }
  }

  private static void requireProtocol(int protocol) throws MalformedFileException {
    if (protocol < 2 || protocol > 5) {
      throw new MalformedFileException(
          "its pickle has protocol " + protocol + "; torch.save writes 2 to 5");
    }
  }

  private void push(Object value) {
    stack.add(value);
  }

  private Object pop() throws MalformedFileException {
    requireStack(1);
    return stack.remove(stack.size() - 1);
  }

  private Object peek() throws MalformedFileException {
    requireStack(1);
    return stack.get(stack.size() - 1);
  }

  private List<Object> popTuple(int count) throws MalformedFileException {
    requireStack(count);
    List<Object> top = stack.subList(stack.size() - count, stack.size());
    List<Object> values = new ArrayList<>(top);
    top.clear();
    return values;
  }

  private List<Object> popToMark() throws MalformedFileException {
    if (outer.isEmpty()) {
      throw new MalformedFileException("its pickle has no mark where one is needed");
    }
    List<Object> values = stack;
    stack = outer.remove(outer.size() - 1);
    return values;
  }

  private void requireStack(int count) throws MalformedFileException {
    if (stack.size() < count) {
      throw new MalformedFileException(
          String.format("its pickle's stack is empty at byte %d", bytes.position() - 1));
    }
  }

  private Object remembered(long key) throws MalformedFileException {
    if (!memo.containsKey(key)) {
      throw new MalformedFileException(
          "its pickle refers to memo entry " + key + ", which does not exist");
    }
    return memo.get(key);
  }

  @SuppressWarnings("unchecked") // All lists and maps here are this class's own.
  private static List<Object> list(Object value) throws MalformedFileException {
    if (value instanceof List<?> list) {
      return (List<Object>) list;
    }
    throw new MalformedFileException("its pickle has " + describe(value) + " where a list belongs");
  }

  private static void addAll(Object target, List<Object> values) throws MalformedFileException {
    if (!(target instanceof PickledObject)) {
      list(target).addAll(values);
    }
  }

  @SuppressWarnings("unchecked")
  private static void putAll(Object target, List<Object> pairs) throws MalformedFileException {
    Object container = target instanceof PickledObject object ? object.makeItems() : target;
    if (!(container instanceof Map<?, ?> map) || pairs.size() % 2 != 0) {
      throw new MalformedFileException(
          "its pickle puts " + pairs.size() + " keys and values into " + describe(target));
    }
    for (int i = 0; i < pairs.size(); i += 2) {
      Object key = pairs.get(i);
      // Containers as keys could hold themselves, and then have no hash; no weight has such a key.
      if (!(key instanceof List) && !(key instanceof Map)) {
        ((Map<Object, Object>) map).put(key, pairs.get(i + 1));
      }
    }
  }

  private Object bigInteger(long length) throws IOException {
    if (length > MAX_NAME) {
      return skipped("int", length);
    }
    byte[] littleEndian = bytes.bytes(length);
    if (littleEndian.length == 0) {
      return 0L;
    }
    byte[] bigEndian = new byte[littleEndian.length];
    for (int i = 0; i < bigEndian.length; i++) {
      bigEndian[i] = littleEndian[bigEndian.length - 1 - i];
    }
    BigInteger value = new BigInteger(bigEndian);
    return value.bitLength() < Long.SIZE ? (Object) value.longValue() : value;
  }

  private void requireLength(long count) throws MalformedFileException {
    // What the file itself lacks is for FileBytes to refuse.
    if (count <= bytes.left() && count > limit - bytes.position()) {
      throw new MalformedFileException("its pickle is longer than " + MAX_LENGTH + " bytes");
    }
  }

  /** Passes over what no weight needs, whatever its length; it costs no memory. */
  private PickledObject skipped(String type, long length) throws IOException {
    bytes.skip(length);
    limit += length;
    return new PickledObject("builtins", type);
  }

  private Object string(long length) throws IOException {
    if (length < 0 || length > MAX_STRING) {
      return skipped("str", length);
    }
    requireLength(length);
    return new String(bytes.bytes(length), StandardCharsets.UTF_8);
  }

  private String line() throws IOException {
    ByteArrayOutputStream name = new ByteArrayOutputStream();
    for (int next = bytes.uint8(); next != '\n'; next = bytes.uint8()) {
      if (name.size() == MAX_NAME) {
        throw new MalformedFileException("its pickle has a name of over " + MAX_NAME + " bytes");
      }
      name.write(next);
    }
    return name.toString(StandardCharsets.UTF_8);
  }

  private static String text(Object value) throws MalformedFileException {
    if (value instanceof String text) {
      return text;
    }
    throw new MalformedFileException("its pickle has " + describe(value) + " where a name belongs");
  }

  /** What kind of value it is; never its contents, which may be large or contain themselves. */
  static String describe(Object value) {
    if (value == null) {
      return "None";
    }
    if (value instanceof List) {
      return "a list";
    }
    if (value instanceof Map) {
      return "a dict";
    }
    if (value instanceof String text) {
      return "'" + Printable.of(text, MAX_SHOWN) + "'";
    }
    if (value instanceof Number || value instanceof Boolean) {
      return value instanceof BigInteger ? "a number beyond 64 bits" : "the number " + value;
    }
    if (value instanceof PickledTensor) {
      return "a tensor";
    }
    return value instanceof PickledObject ? value.toString() : "an object";
  }
}
