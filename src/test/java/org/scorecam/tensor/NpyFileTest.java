package org.scorecam.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.error.InputException;

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

  @Test
  void doublesAndBigEndianAreConverted() throws IOException {
    ByteBuffer doubles = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    doubles.putDouble(0.1).putDouble(-3);
    assertArrayEquals(
        new float[] {0.1f, -3}, read(npy(1, header("<f8", "False", "(2,)"), doubles.array()), 2));
    ByteBuffer big = ByteBuffer.allocate(8).order(ByteOrder.BIG_ENDIAN).putFloat(7).putFloat(-8);
    assertArrayEquals(
        new float[] {7, -8}, read(npy(1, header(">f4", "False", "(1, 2)"), big.array()), 1, 2));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void everyVersionIsRead(int version) throws IOException {
    byte[] values = new byte[12];
    assertArrayEquals(new float[3], read(npy(version, header("<f4", "False", "(3,)"), values), 3));
  }

  @Test
  void missingFilesAndFoldersAreRefused() {
    Path none = folder.resolve("none.npy");
    assertEquals(
        "there is no file " + none,
        assertThrows(InputException.class, () -> NpyFile.read(none)).getMessage());
    assertThrows(InputException.class, () -> NpyFile.read(folder));
  }

  @Test
  void filesOfAnotherKindAreRefused() throws IOException {
    assertContains("is no .npy file", refusal("no tensor".getBytes(StandardCharsets.UTF_8)));
    assertContains("version 4", refusal(npy(4, header("<f4", "False", "(1,)"), new byte[4])));
    assertContains("'<i8'", refusal(npy(1, header("<i8", "False", "(1,)"), new byte[8])));
    assertContains("'|O'", refusal(npy(1, header("|O", "False", "(1,)"), new byte[8])));
    assertContains(
        "is in Fortran order", refusal(npy(1, header("<f4", "True", "(1,)"), new byte[4])));
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
    for (int length = 0; length < whole.length; length++) {
      assertContains("truncated", refusal(Arrays.copyOf(whole, length)));
    }
  }

  @Test
  void moreValuesThanTheShapeSaysAreRefused() throws IOException {
    byte[] whole = written(new float[6], 2, 3);
    assertContains(
        "needs 24 bytes of values, there are 25", refusal(Arrays.copyOf(whole, whole.length + 1)));
  }

  @Test
  void shapesTooLargeToHoldAreRefusedWithoutAllocating() throws IOException {
    assertContains(
        "truncated", refusal(npy(1, header("<f4", "False", "(1000000000, 1000)"), new byte[4])));
    assertContains(
        "has a shape too large",
        refusal(npy(1, header("<f4", "False", "(4611686018427387904, 8)"), new byte[4])));
    assertContains(
        "has a shape too large",
        refusal(npy(1, header("<f4", "False", "(9223372036854775807,)"), new byte[4])));
    assertContains("has a .npy header of version 2 and 2000000000 bytes", refusal(hugeHeader()));
  }

  private static byte[] hugeHeader() {
    byte[] bytes = npy(2, header("<f4", "False", "(1,)"), new byte[4]);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(8, 2_000_000_000);
    return bytes;
  }
}
