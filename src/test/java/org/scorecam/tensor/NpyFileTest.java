package org.scorecam.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.OperatingSystemMXBean;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.error.InputException;
import org.scorecam.runtime.NativeScope;

/** NumPy's files: what is written is read again, and what is damaged is refused. */
class NpyFileTest {
  @TempDir Path folder;

  static List<long[]> shapes() {
    return List.of(
        new long[] {},
        new long[] {1},
        new long[] {7},
        new long[] {3, 5},
        new long[] {2, 3, 4, 5},
        new long[] {0},
        new long[] {2, 0, 3});
  }

  private static byte[] written(float[] values, long... shape) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    NpyFile.write(out, values, shape);
    return out.toByteArray();
  }

  private Path file(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("a.npy"), bytes);
  }

  /** A file of any header, as another program may write it. */
  private static byte[] npy(int version, String header, byte[] values) {
    byte[] literal = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(12 + literal.length + values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
    bytes.put((byte) version).put((byte) 0);
    if (version >= 2) {
      bytes.putInt(literal.length);
    } else {
      bytes.putShort((short) literal.length);
    }
    bytes.put(literal).put(values);
    return Arrays.copyOf(bytes.array(), bytes.position());
  }

  private static String header(String descr, String order, String shape) {
    return "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n".formatted(descr, order, shape);
  }

  private float[] read(byte[] bytes, long... shape) throws IOException {
    try (Tensor tensor = NpyFile.read(file(bytes))) {
      assertArrayEquals(shape, tensor.shape());
      assertEquals(ScalarType.Float, tensor.scalar_type().intern());
      assertTrue(tensor.is_contiguous());
      return Tensors.toArray(tensor);
    }
  }

  private String refusal(byte[] bytes) throws IOException {
    Path file = file(bytes);
    String message = assertThrows(InputException.class, () -> NpyFile.read(file)).getMessage();
    assertTrue(message.startsWith(file + " "), message);
    assertEquals(1, message.lines().count(), message);
    return message;
  }

  private static void assertContains(String part, String whole) {
    assertTrue(whole.contains(part), whole);
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void whatIsWrittenIsReadAgain(long... shape) throws IOException {
    int count = 1;
    for (long size : shape) {
      count *= (int) size;
    }
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) Math.sin(i) * 1e-3f;
    }
    assertArrayEquals(values, read(written(values, shape), shape));
  }

  @Test
  void extremeValuesAreKept() throws IOException {
    float[] values = {
      Float.NaN, Float.POSITIVE_INFINITY, -0f, Float.MIN_VALUE, Float.MAX_VALUE, -1.5f
    };
    assertArrayEquals(values, read(written(values, 6), 6));
  }

  @Test
  void valuesStartAtAMultipleOf64AsNumpyWritesThem() throws IOException {
    for (long size : new long[] {1, 10, 1000, 100_000}) {
      byte[] bytes = written(new float[(int) size], size);
      assertEquals(0, (bytes.length - 4 * size) % 64, "header of shape " + size);
      assertEquals('\n', bytes[(int) (bytes.length - 4 * size - 1)]);
    }
  }

  @Test
  void aFileThatNumpyWroteIsWrittenTheSame() throws IOException {
    byte[] numpy = Files.readAllBytes(Goldens.file("tinygray.input.npy"));
    float[] values = read(numpy, 1, 1, 48, 80);
    byte[] ours = written(values, 1, 1, 48, 80);
    assertArrayEquals(
        Arrays.copyOfRange(numpy, numpy.length - 4 * values.length, numpy.length),
        Arrays.copyOfRange(ours, ours.length - 4 * values.length, ours.length));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void everyVersionIsRead(int version) throws IOException {
    byte[] values = new byte[12];
    assertArrayEquals(new float[3], read(npy(version, header("<f4", "False", "(3,)"), values), 3));
  }

  /** Values of a type, and what they are as float32; each of them little-endian. */
  static Stream<Arguments> types() {
    return Stream.of(
        Arguments.of(
            "f2",
            new float[] {1, -2.5f, 65504, 6.1035156e-5f},
            bytes(2, 0x3c00, 0xc100, 0x7bff, 0x0400)),
        Arguments.of(
            "f8",
            new float[] {0.1f, -3, Float.POSITIVE_INFINITY},
            bytes(8, bits(0.1), bits(-3), bits(1e300))),
        Arguments.of("i1", new float[] {-128, 127, 0}, bytes(1, -128, 127, 0)),
        Arguments.of("i2", new float[] {-32768, 258}, bytes(2, -32768, 258)),
        Arguments.of("i4", new float[] {-0x1p31f, 16909060}, bytes(4, -2147483648, 16909060)),
        Arguments.of("i8", new float[] {-0x1p63f, 0x1p56f}, bytes(8, Long.MIN_VALUE, 1L << 56)),
        Arguments.of("u1", new float[] {255, 128, 1}, bytes(1, 255, 128, 1)),
        Arguments.of("u2", new float[] {65535, 32768, 258}, bytes(2, 65535, 32768, 258)),
        Arguments.of("u4", new float[] {0x1p32f, 0x1p31f, 1}, bytes(4, -1, 1L << 31, 1)),
        Arguments.of("u8", new float[] {0x1p64f, 0x1p63f}, bytes(8, -1, Long.MIN_VALUE)),
        Arguments.of("b1", new float[] {0, 1, 1}, bytes(1, 0, 1, 7)));
  }

  private static long bits(double value) {
    return Double.doubleToRawLongBits(value);
  }

  private static byte[] bytes(int width, long... values) {
    ByteBuffer all = ByteBuffer.allocate(width * values.length);
    for (long value : values) {
      for (int i = 0; i < width; i++) {
        all.put((byte) (value >> (8 * i)));
      }
    }
    return all.array();
  }

  private static byte[] swapped(byte[] values, int width) {
    byte[] swapped = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      swapped[i] = values[i / width * width + width - 1 - i % width];
    }
    return swapped;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("types")
  void everyTypeAndByteOrderIsConverted(String type, float[] expected, byte[] values)
      throws IOException {
    int width = values.length / expected.length;
    String shape = "(" + expected.length + ",)";
    String little = (width == 1 ? "|" : "<") + type;
    assertArrayEquals(
        expected, read(npy(1, header(little, "False", shape), values), expected.length));
    assertArrayEquals(
        expected,
        read(npy(1, header(">" + type, "False", shape), swapped(values, width)), expected.length));
  }

  @Test
  void moreValuesThanOnePieceAreConverted() throws IOException {
    int count = (1 << 22) / 2 + 3;
    ByteBuffer shorts = ByteBuffer.allocate(2 * count).order(ByteOrder.BIG_ENDIAN);
    float[] expected = new float[count];
    for (int i = 0; i < count; i++) {
      shorts.putShort((short) i);
      expected[i] = (short) i;
    }
    String shape = "(" + count + ",)";
    assertArrayEquals(expected, read(npy(1, header(">i2", "False", shape), shorts.array()), count));
  }

  @Test
  void fortranOrderBecomesCOrder() throws IOException {
    // Of the array [[[1, 2], [3, 4], [5, 6]]], the first index fastest.
    byte[] values = bytes(1, 1, 3, 5, 2, 4, 6);
    assertArrayEquals(
        new float[] {1, 2, 3, 4, 5, 6},
        read(npy(1, header("|i1", "True", "(1, 3, 2)"), values), 1, 3, 2));
    assertArrayEquals(
        new float[] {1, 3}, read(npy(1, header("|i1", "True", "(2,)"), bytes(1, 1, 3)), 2));
    assertArrayEquals(
        new float[0], read(npy(1, header("<f4", "True", "(2, 0)"), new byte[0]), 2, 0));
  }

  @Test
  void python2sLongSizesAreRead() throws IOException {
    assertArrayEquals(
        new float[6], read(npy(1, header("<f4", "False", "(2L, 3L)"), new byte[24]), 2, 3));
  }

  @Test
  void missingFilesAndFoldersAreRefused() {
    Path none = folder.resolve("none.npy");
    assertEquals(
        "cannot read " + none + ": no such file or folder",
        assertThrows(InputException.class, () -> NpyFile.read(none)).getMessage());
    assertEquals(
        folder + " is a folder, not a .npy file",
        assertThrows(InputException.class, () -> NpyFile.read(folder)).getMessage());
  }

  @Test
  void filesOfAnotherKindAreRefused() throws IOException {
    assertContains("is not a .npy file", refusal("no tensor".getBytes(StandardCharsets.UTF_8)));
    assertContains("version 4", refusal(npy(4, header("<f4", "False", "(1,)"), new byte[4])));
    assertContains("version 0", refusal(npy(0, header("<f4", "False", "(1,)"), new byte[4])));
    assertContains("is empty", refusal(new byte[0]));
  }

  @ParameterizedTest
  @CsvSource({
    "|O, Python objects",
    "<c8, complex numbers",
    "<U5, text",
    "|S3, text",
    "<M8[ns], times",
    "<f16, floating-point numbers of a width that differs between machines",
    "<V2, bytes without a meaning",
    "<i3, values of an unknown kind",
    "x, values of an unknown kind",
  })
  void valuesThatAreNotNumbersAreRefusedByTheirKind(String descr, String kind) throws IOException {
    String message = refusal(npy(1, header(descr, "False", "(1,)"), new byte[16]));
    assertContains(" holds " + kind, message);
    assertContains("(dtype '" + descr + "')", message);
  }

  @Test
  void recordsAreRefused() throws IOException {
    String header =
        "{'descr': [('a', '<f4'), ('b', '<i8')], 'fortran_order': False, 'shape': (1,)}";
    assertContains("holds records of several fields", refusal(npy(1, header, new byte[12])));
  }

  private Path archive(String... names) throws IOException {
    Path file = folder.resolve("a.npz");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      for (int i = 0; i < names.length; i++) {
        zip.putNextEntry(new ZipEntry(names[i]));
        zip.write(written(new float[] {i, 7}, 2));
      }
    }
    return file;
  }

  private static String messageOf(Path file) {
    return assertThrows(InputException.class, () -> NpyFile.read(file)).getMessage();
  }

  @Test
  void archivesOfOneArrayAreThatArray() throws IOException {
    try (Tensor tensor = NpyFile.read(archive("x.npy"))) {
      assertArrayEquals(new float[] {0, 7}, Tensors.toArray(tensor));
    }
  }

  @Test
  void anArrayOfSeveralIsNamed() throws IOException {
    Path file = archive("x.npy", "labels.npy");
    try (Tensor tensor = NpyFile.read(Path.of(file + ":labels"))) {
      assertArrayEquals(new float[] {1, 7}, Tensors.toArray(tensor));
    }
    assertEquals(
        "%s holds the arrays [x, labels]; name one of them, as in %s:x".formatted(file, file),
        messageOf(file));
    assertContains("holds the arrays [x, labels]", messageOf(Path.of(file + ":y")));
    assertContains("no such file", messageOf(folder.resolve("b.npz:x")));
    assertContains("is a ZIP archive without .npy files", messageOf(archive("archive/data.pkl")));
    Path cut = folder.resolve("cut.npz");
    Files.write(cut, Arrays.copyOf(Files.readAllBytes(archive("x.npy")), 100));
    assertContains("cannot read " + cut, messageOf(cut));
  }

  @Test
  void anArchiveThatClaimsMoreThanItHoldsIsRefused() throws IOException {
    Path file = folder.resolve("bomb.npz");
    byte[] claim = npy(1, header("|u1", "False", "(4000000000,)"), new byte[0]);
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      zip.putNextEntry(new ZipEntry("x.npy"));
      zip.write(claim);
    }
    byte[] bytes = Files.readAllBytes(file);
    ByteBuffer zip = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int directory = zip.getInt(bytes.length - 6);
    zip.putInt(directory + 24, (int) (4_000_000_000L + claim.length));
    Files.write(file, bytes);
    assertContains("compressed bytes cannot hold", messageOf(file));
  }

  @Test
  void filesOverTwoGibibytesAreRead() throws IOException {
    // Sparse, where the file system can. As float32 it takes half of that.
    long count = (1L << 28) + 5;
    var machine = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    assumeTrue(machine.getTotalMemorySize() >= 8L << 30, "less than 8 GiB of memory");
    Path file = folder.resolve("large.npy");
    byte[] first = bytes(8, bits(1.5));
    byte[] start = npy(1, header("<f8", "False", "(" + count + ",)"), first);
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      channel.write(ByteBuffer.wrap(start));
      channel.write(ByteBuffer.wrap(bytes(8, bits(9))), start.length + 8 * (count - 2));
    }
    try (NativeScope scope = NativeScope.open();
        Tensor tensor = NpyFile.read(file)) {
      assertEquals(count, tensor.numel());
      assertEquals(1.5f, tensor.narrow(0, 0, 1).item_float());
      assertEquals(0, tensor.narrow(0, count / 2, 1).item_float());
      assertEquals(9, tensor.narrow(0, count - 1, 1).item_float());
    }
  }

  @Test
  void everySeedOfTheFuzzTargetHoldsItsPromises() throws IOException, URISyntaxException {
    List<Path> seeds;
    try (Stream<Path> files =
        Files.list(Path.of(NpyFileTest.class.getResource("/fuzz/Npy").toURI()))) {
      seeds = files.toList();
    }
    assertFalse(seeds.isEmpty());
    for (Path seed : seeds) {
      NpyFuzz.fuzzerTestOneInput(Files.readAllBytes(seed));
    }
  }

  @Test
  void nothingIsLeftBehind() throws IOException {
    Path good = file(written(new float[6], 2, 3));
    Path bad = Files.write(folder.resolve("bad.npy"), "none".getBytes(StandardCharsets.UTF_8));
    NativeObjects.assertNoneLeftBy(
        () -> {
          NpyFile.read(good).close();
          assertThrows(InputException.class, () -> NpyFile.read(bad));
        });
  }

  @Test
  void shapesAndNullArgumentsAreChecked() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    assertThrows(InputException.class, () -> NpyFile.write(out, new float[6], 2, 2));
    assertEquals(0, out.size());
    assertEquals(
        "path", assertThrows(NullPointerException.class, () -> NpyFile.read(null)).getMessage());
    assertEquals(
        "values",
        assertThrows(NullPointerException.class, () -> NpyFile.write(out, null, 1)).getMessage());
  }

  @Test
  void damagedHeadersAreRefused() throws IOException {
    for (String header :
        List.of(
            "",
            "{}",
            "{'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f4', 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': False}",
            header("<f4", "False", "(-1,)"),
            header("<f4", "False", "(a,)"),
            header("<f4", "False", "(1 2,)"),
            header("<f4", "False", "(99999999999999999999,)"))) {
      assertContains("has a damaged .npy header", refusal(npy(1, header, new byte[4])));
    }
  }

  @Test
  void everyTruncationIsRefused() throws IOException {
    byte[] whole = written(new float[6], 2, 3);
    for (int length = 1; length < whole.length; length++) {
      assertContains("truncated", refusal(Arrays.copyOf(whole, length)));
    }
  }

  @Test
  void moreValuesThanTheShapeSaysAreRefused() throws IOException {
    byte[] whole = written(new float[6], 2, 3);
    assertContains(
        "needs 24 bytes of values, but there are 25",
        refusal(Arrays.copyOf(whole, whole.length + 1)));
  }

  @Test
  void shapesTooLargeToHoldAreRefusedWithoutAllocating() throws IOException {
    assertContains(
        "truncated", refusal(npy(1, header("<f4", "False", "(1000000000, 1000)"), new byte[4])));
    assertContains(
        "has a shape with more values than 64 bits can count",
        refusal(npy(1, header("<f4", "False", "(4611686018427387904, 8)"), new byte[4])));
    assertContains(
        "has a shape with more values than 64 bits can count",
        refusal(npy(1, header("<f4", "False", "(9223372036854775807,)"), new byte[4])));
    assertContains("has a .npy header of version 2 and 2000000000 bytes", refusal(hugeHeader()));
  }

  private static byte[] hugeHeader() {
    byte[] bytes = npy(2, header("<f4", "False", "(1,)"), new byte[4]);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(8, 2_000_000_000);
    return bytes;
  }
}
