package org.scorecam.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.NativeObjects;
import org.scorecam.error.InputException;
import org.scorecam.runtime.NativeScope;

/** Memory that a segment and a tensor have in common; from the jar, on Java 22 and later. */
class SegmentsTest {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  @TempDir Path folder;

  private static MemorySegment floats(Arena arena, float... values) {
    return arena.allocateFrom(FLOAT, values);
  }

  private static Tensor tensor(MemorySegment segment, long... shape) {
    return Segments.asTensor(segment, ScalarType.Float, shape);
  }

  @Test
  void theClassIsInThePartOfTheJarForJava22() {
    String place = Segments.class.getResource("Segments.class").toString();
    assertTrue(place.contains(".jar!/META-INF/versions/22/org/scorecam/tensor/"), place);
  }

  @Test
  void aSegmentAndItsTensorAreTheSameMemory() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = floats(arena, 1, 2, 3, 4, 5, 6);
      try (Tensor tensor = tensor(segment, 2, 3)) {
        assertEquals(segment.address(), tensor.data_ptr().address());
        assertArrayEquals(new long[] {2, 3}, tensor.shape());
        assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, Tensors.toArray(tensor));
        segment.setAtIndex(FLOAT, 4, 50);
        assertArrayEquals(new float[] {1, 2, 3, 4, 50, 6}, Tensors.toArray(tensor));
        tensor.zero_();
        assertEquals(0, segment.getAtIndex(FLOAT, 5));
      }
      segment.setAtIndex(FLOAT, 0, 7);
      assertEquals(7, segment.getAtIndex(FLOAT, 0), "the segment outlives the tensor");
    }
  }

  @Test
  void aTensorWithOtherValuesThanItsMemoryIsRefused() {
    try (Arena arena = Arena.ofConfined();
        NativeScope scope = NativeScope.open()) {
      Tensor conjugates = torch.view_as_complex(torch.ones(3, 2)).conj();
      InputException thrown =
          assertThrows(InputException.class, () -> Segments.asSegment(conjugates, arena));
      assertTrue(thrown.getMessage().contains("resolve_conj"), thrown.getMessage());
      assertEquals(24, Segments.asSegment(conjugates.resolve_conj(), arena).byteSize());
    }
  }

  @Test
  void otherElementsAndPartsOfASegmentAreTaken() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment longs = arena.allocateFrom(ValueLayout.JAVA_LONG, 10, 20, 30);
      try (Tensor tensor = Segments.asTensor(longs.asSlice(8, 16), ScalarType.Long, 2);
          Tensor one = Segments.asTensor(longs.asSlice(16, 8), ScalarType.Long);
          Tensor none = Segments.asTensor(longs.asSlice(0, 0), ScalarType.Long, 0, 5);
          Tensor bytes = Segments.asTensor(longs, ScalarType.Byte, 24);
          Tensor halves = Segments.asTensor(longs, ScalarType.BFloat16, 3, 4)) {
        assertEquals(20, tensor.select(0, 0).item_long());
        assertEquals(30, one.item_long());
        assertEquals(0, one.dim());
        assertEquals(0, none.numel());
        assertEquals(24, bytes.nbytes());
        assertEquals(24, halves.nbytes());
      }
    }
  }

  @Test
  void directBuffersAndMappedFilesAreNative() throws IOException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(8).order(ByteOrder.nativeOrder());
    buffer.putFloat(0, 3).putFloat(4, 4);
    try (Tensor tensor = tensor(MemorySegment.ofBuffer(buffer), 2)) {
      assertArrayEquals(new float[] {3, 4}, Tensors.toArray(tensor));
    }
    Path file = Files.write(folder.resolve("floats"), bytesOf(5, 6));
    try (FileChannel channel = FileChannel.open(file);
        Arena arena = Arena.ofShared()) {
      MemorySegment mapped = channel.map(MapMode.READ_ONLY, 0, 8, arena);
      try (Tensor tensor = Segments.asTensorToRead(mapped, ScalarType.Float, 1, 2)) {
        assertArrayEquals(new float[] {5, 6}, Tensors.toArray(tensor));
      }
      assertRefused("asTensorToRead", () -> tensor(mapped, 1, 2));
    }
  }

  private static byte[] bytesOf(float... values) {
    ByteBuffer buffer = ByteBuffer.allocate(4 * values.length).order(ByteOrder.nativeOrder());
    for (float value : values) {
      buffer.putFloat(value);
    }
    return buffer.array();
  }

  private static void assertRefused(String expected, Executable call) {
    String message = assertThrows(InputException.class, call).getMessage();
    assertTrue(message.contains(expected), message);
  }

  @Test
  void whatNoTensorCanBeIsRefused() throws InterruptedException {
    assertRefused("on the Java heap", () -> tensor(MemorySegment.ofArray(new float[6]), 6));
    MemorySegment closed;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment six = floats(arena, 1, 2, 3, 4, 5, 6);
      assertRefused("24 bytes, and 7 elements of type Float, of shape [7]", () -> tensor(six, 7));
      assertRefused("and 5 elements", () -> tensor(six, 5));
      assertRefused("asSlice", () -> tensor(six));
      assertRefused("[-2, -3]", () -> tensor(six, -2, -3));
      assertRefused("64 bits", () -> tensor(six, 1L << 40, 1L << 40));
      assertRefused("4611686018427387904 elements", () -> tensor(six, 1L << 62));
      assertRefused("not aligned", () -> tensor(six.asSlice(2, 4), 1));
      assertRefused("need a multiple of 4", () -> tensor(six.asSlice(1, 4), 1));
      assertRefused(
          "no elements of type Undefined", () -> Segments.asTensor(six, ScalarType.Undefined, 6));
      assertRefused("a scale", () -> Segments.asTensor(six, ScalarType.QInt8, 24));
      assertRefused("only to be read", () -> tensor(six.asReadOnly(), 6));
      Segments.asTensorToRead(six.asReadOnly(), ScalarType.Float, 6).close();
      Throwable[] elsewhere = new Throwable[1];
      Thread other =
          new Thread(() -> elsewhere[0] = assertThrows(InputException.class, () -> tensor(six, 6)));
      other.start();
      other.join();
      assertTrue(elsewhere[0].getMessage().contains("another thread"), elsewhere[0].getMessage());
      closed = six;
    }
    assertRefused("arena is closed", () -> tensor(closed, 6));
    assertNamed("segment", () -> tensor(null, 6));
    assertNamed("dtype", () -> Segments.asTensor(MemorySegment.NULL, null, 6));
    assertNamed(
        "shape", () -> Segments.asTensor(MemorySegment.NULL, ScalarType.Float, (long[]) null));
  }

  private static void assertNamed(String name, Executable call) {
    assertEquals(name, assertThrows(NullPointerException.class, call).getMessage());
  }

  @Test
  void aTensorsMemoryLivesAsLongAsTheArenaOfItsSegment() {
    long before = Pointer.totalCount();
    Arena arena = Arena.ofShared();
    MemorySegment segment;
    try (Tensor tensor = Tensors.of(new float[] {1, 2, 3, 4}, 2, 2)) {
      segment = Segments.asSegment(tensor, arena);
      assertEquals(tensor.data_ptr().address(), segment.address());
      assertEquals(16, segment.byteSize());
      segment.setAtIndex(FLOAT, 1, 20);
      assertArrayEquals(new float[] {1, 20, 3, 4}, Tensors.toArray(tensor));
    }
    assertArrayEquals(new float[] {1, 20, 3, 4}, segment.toArray(FLOAT));
    assertTrue(Pointer.totalCount() > before, "the arena holds the memory");
    arena.close();
    assertThrows(IllegalStateException.class, () -> segment.getAtIndex(FLOAT, 0));
    assertTrue(Pointer.totalCount() <= before, "the memory is left");
  }

  @Test
  void aTensorMayOutliveTheArena() {
    try (Tensor tensor = Tensors.of(new float[] {1, 2}, 2)) {
      try (Arena arena = Arena.ofConfined();
          NativeScope scope = NativeScope.open()) {
        // Not freed with a scope that happens to be open.
        assertEquals(2, Segments.asSegment(tensor, arena).getAtIndex(FLOAT, 1));
      }
      assertArrayEquals(new float[] {1, 2}, Tensors.toArray(tensor));
    }
  }

  @Test
  void emptyTensorsAreEmptySegments() {
    try (Arena arena = Arena.ofConfined();
        Tensor none = Tensors.of(new float[0], 0, 3)) {
      assertEquals(0, Segments.asSegment(none, arena).byteSize());
    }
  }

  @Test
  void whatNoSegmentCanBeIsRefused() throws InterruptedException {
    try (Arena arena = Arena.ofConfined();
        Tensor tensor = Tensors.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
        Tensor transposed = tensor.t();
        Tensor sparse = tensor.to_sparse()) {
      assertRefused("contiguous()", () -> Segments.asSegment(transposed, arena));
      assertRefused("[3, 2]", () -> Segments.asSegment(transposed, arena));
      assertThrows(InputException.class, () -> Segments.asSegment(sparse, arena));
      assertNamed("tensor", () -> Segments.asSegment(null, arena));
      assertNamed("arena", () -> Segments.asSegment(tensor, null));
      Arena over = Arena.ofConfined();
      over.close();
      Throwable[] elsewhere = new Throwable[1];
      Thread other =
          new Thread(
              () ->
                  elsewhere[0] =
                      assertThrows(
                          WrongThreadException.class, () -> Segments.asSegment(tensor, arena)));
      NativeObjects.assertNoneLeftBy(
          () -> {
            assertThrows(IllegalStateException.class, () -> Segments.asSegment(tensor, over));
            assertThrows(InputException.class, () -> Segments.asSegment(transposed, arena));
          });
      other.start();
      other.join();
      assertFalse(elsewhere[0].getMessage().isEmpty());
    }
  }

  @Test
  void nothingIsLeftBehind() {
    NativeObjects.assertNoneLeftBy(
        () -> {
          try (Arena arena = Arena.ofConfined();
              Tensor input = tensor(floats(arena, 1, 2, 3, 4), 1, 4);
              Tensor doubled = input.add(input)) {
            assertEquals(8, Segments.asSegment(doubled, arena).getAtIndex(FLOAT, 3));
            assertRefused("and 5 elements", () -> tensor(floats(arena, 1), 5));
          }
        });
  }

  @Test
  void twoThreadsUseASharedSegment() throws InterruptedException {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment segment = floats(arena, new float[1000]);
      Thread other =
          new Thread(
              () -> {
                try (Tensor tensor = tensor(segment, 1000)) {
                  tensor.fill_(new Scalar(3f));
                }
              });
      other.start();
      other.join();
      assertEquals(3, segment.getAtIndex(FLOAT, 999));
    }
  }
}
