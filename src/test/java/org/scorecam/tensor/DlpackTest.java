package org.scorecam.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.PointerConsumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.scorecam.error.InputException;
import org.scorecam.kernel.NativeBuild;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.NativeScope;

@DisabledOnOs(value = OS.WINDOWS, disabledReason = "LibTorch's functions are not looked up there")
class DlpackTest {
  private static final int OPAQUE = 3;

  @BeforeAll
  static void natives() {
    NativeBuild.require();
    LibTorch.load();
  }

  @ParameterizedTest
  @EnumSource
  void neighboursMemoryIsSharedAndDeletedOnce(Dlpack form) {
    try (Producer producer = new Producer(form)) {
      try (Tensor tensor = form.take(producer.structure.address());
          Tensor view = tensor.t()) {
        assertEquals(
            new NativeArray(
                producer.values.address() + Producer.OFFSET * Float.BYTES,
                List.of(2L, 3L),
                List.of(1L, 2L),
                ScalarType.Float,
                Device.cpu()),
            NativeArray.of(tensor));
        assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, Tensors.toArray(tensor));
        tensor.close();
        assertEquals(0, producer.deleted, "a view still has the memory");
        view.zero_();
        assertEquals(0, producer.values.get(Producer.OFFSET));
        assertEquals(-1, producer.values.get(0));
      }
      assertEquals(1, producer.deleted);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsExportedOutlivesItsTensor(Dlpack form) {
    long address;
    long memory;
    try (Tensor tensor = Tensors.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
        Tensor transposed = tensor.t()) {
      address = form.export(transposed);
      memory = tensor.data_ptr().address();
    }
    try (Tensor again = form.take(address)) {
      assertEquals(memory, again.data_ptr().address());
      assertArrayEquals(new float[] {1, 4, 2, 5, 3, 6}, Tensors.toArray(again));
    }
  }

  @Test
  void whatIsOnlyToBeReadIsTakenAsSuch() {
    try (Producer producer = new Producer(Dlpack.VERSIONED)) {
      producer.structure.putLong(24, 1);
      long address = producer.structure.address();
      refuses("only to be read", () -> Dlpack.VERSIONED.take(address));
      assertEquals(0, producer.deleted);
      Dlpack.VERSIONED.takeReadOnly(address).close();
      assertEquals(1, producer.deleted);
    }
    try (Tensor tensor = Tensors.of(new float[] {1}, 1)) {
      long address = Dlpack.VERSIONED.exportReadOnly(tensor);
      refuses("only to be read", () -> Dlpack.VERSIONED.take(address));
      Dlpack.VERSIONED.takeReadOnly(address).close();
      refuses("plain form", () -> Dlpack.PLAIN.exportReadOnly(tensor));
    }
  }

  @ParameterizedTest
  @EnumSource
  void emptyTensorsAreDeletedToo(Dlpack form) {
    try (Producer producer = new Producer(form)) {
      producer.shape.put(0, 0);
      producer.tensorLong(0, 0);
      try (Tensor tensor = form.take(producer.structure.address())) {
        assertEquals(0, tensor.numel());
      }
      assertEquals(1, producer.deleted);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsRefusedStaysTheProducers(Dlpack form) {
    try (Producer producer = new Producer(form)) {
      long address = producer.structure.address();
      producer.strides.put(1, -2);
      refuses("the stride -2", () -> form.take(address));
      producer.strides.put(1, 2);
      producer.dtype(OPAQUE);
      refuses("LibTorch refuses the tensor", () -> form.take(address));
      producer.dtype(Producer.FLOATING);
      assertEquals(0, producer.deleted);
      form.take(address).close();
      assertEquals(1, producer.deleted);
    }
    refuses("managed is null", () -> form.take(0));
  }

  @ParameterizedTest
  @EnumSource
  void memoryThatCannotBeThereStaysTheProducers(Dlpack form) {
    try (Producer producer = new Producer(form)) {
      long address = producer.structure.address();
      producer.device(Producer.CUDA, 99);
      refuses("the CUDA device 99", () -> form.take(address));
      for (int type : new int[] {-1, 0, 4, 8, 10, 12, 17}) {
        producer.device(type, 0);
        refuses("a device of type " + type, () -> form.take(address));
      }
      producer.device(Producer.CPU, 0);
      producer.strides.put(1, Long.MAX_VALUE);
      refuses("63 bits", () -> form.take(address));
      producer.strides.put(1, 2);
      producer.shape.put(0, -1);
      refuses("the size -1", () -> form.take(address));
      assertEquals(0, producer.deleted);
    }
  }

  /** Code, bits and lanes of DLPack's, and what LibTorch calls them. */
  @ParameterizedTest
  @CsvSource({
    "0, 8, 1, Char",
    "0, 16, 1, Short",
    "0, 32, 1, Int",
    "0, 64, 1, Long",
    "1, 8, 1, Byte",
    "1, 16, 1, UInt16",
    "1, 32, 1, UInt32",
    "1, 64, 1, UInt64",
    "2, 16, 1, Half",
    "2, 32, 1, Float",
    "2, 64, 1, Double",
    "4, 16, 1, BFloat16",
    "5, 32, 1, ComplexHalf",
    "5, 64, 1, ComplexFloat",
    "5, 128, 1, ComplexDouble",
    "6, 8, 1, Bool",
    "10, 8, 1, Float8_e4m3fn",
    "12, 8, 1, Float8_e5m2",
    "0, 128, 1,",
    "1, 4, 1,",
    "2, 8, 1,",
    "2, 32, 2,",
    "2, 32, 0,",
    "3, 64, 1,",
    "4, 32, 1,",
    "6, 1, 1,",
    "200, 8, 1,"
  })
  void dtypesAreThoseOfTheStructureOrRefused(int code, int bits, int lanes, ScalarType expected) {
    try (Producer producer = new Producer(Dlpack.PLAIN);
        LongPointer memory = new LongPointer(12)) {
      producer.tensorLong(0, memory.zero().address());
      producer.tensorLong(40, 0);
      producer.dtype(code, bits, lanes);
      long address = producer.structure.address();
      if (expected == null) {
        refuses("LibTorch refuses the tensor", () -> Dlpack.PLAIN.take(address));
        assertEquals(0, producer.deleted);
        return;
      }
      try (Tensor tensor = Dlpack.PLAIN.take(address)) {
        assertEquals(expected, tensor.scalar_type().intern());
        assertEquals(memory.address(), tensor.data_ptr().address());
      }
      assertEquals(1, producer.deleted);
    }
  }

  @ParameterizedTest
  @EnumSource
  void tensorsWithoutTheirValuesInMemoryAreNotHandedOut(Dlpack form) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor conjugates = torch.view_as_complex(torch.ones(3, 2)).conj();
      refuses("resolve_conj", () -> form.export(conjugates));
      refuses("resolve_neg", () -> form.export(torch.imag(conjugates)));
      refuses("to_dense", () -> form.export(torch.ones(2, 3).to_sparse()));
      refuses("undefined", () -> form.export(new Tensor()));
      refuses(
          "LibTorch refuses the tensor",
          () ->
              form.export(
                  torch.ones(2, 3).to(new org.bytedeco.pytorch.Device("meta"), ScalarType.Float)));
      refuses(
          "LibTorch refuses the tensor",
          () -> form.export(torch.quantize_per_tensor(torch.ones(2, 3), 0.1, 0, ScalarType.QInt8)));
    }
  }

  @Test
  void anotherVersionIsRefused() {
    try (Producer producer = new Producer(Dlpack.VERSIONED)) {
      producer.structure.putInt(0, 2);
      refuses("version 2.1", () -> Dlpack.VERSIONED.take(producer.structure.address()));
      assertEquals(0, producer.deleted);
    }
  }

  private static void refuses(String words, org.junit.jupiter.api.function.Executable call) {
    String message = assertThrows(InputException.class, call).getMessage();
    assertTrue(message.contains(words), message);
    assertEquals(1, message.lines().count(), "C++'s stack is nobody's business");
  }

  /** A structure as another library makes it, of a matrix that lies transposed. */
  private static final class Producer implements AutoCloseable {
    static final int FLOATING = 2;
    static final int OFFSET = 2;
    static final int CPU = 1;
    static final int CUDA = 2;

    final FloatPointer values = new FloatPointer(-1, -1, 1, 4, 2, 5, 3, 6);
    final LongPointer shape = new LongPointer(2, 3);
    final LongPointer strides = new LongPointer(1, 2);
    final BytePointer structure = new BytePointer(96).zero();
    int deleted;

    private final int tensor;
    private final PointerConsumer deleter =
        new PointerConsumer() {
          @Override
          public void call(Pointer self) {
            deleted += self.address() == structure.address() ? 1 : 1000;
          }
        };

    Producer(Dlpack form) {
      // version, manager_ctx, deleter, flags, DLTensor; or DLTensor, manager_ctx, deleter.
      tensor = form == Dlpack.VERSIONED ? 32 : 0;
      if (form == Dlpack.VERSIONED) {
        structure.putInt(0, 1);
        structure.putInt(4, 1);
      }
      // A callback begins with its function's address.
      structure.putLong(
          form == Dlpack.VERSIONED ? 16 : 56, new LongPointer(new Pointer(deleter)).get());
      tensorLong(0, values.address());
      structure.putInt(tensor + 8, CPU);
      structure.putInt(tensor + 16, 2);
      dtype(FLOATING);
      tensorLong(24, shape.address());
      tensorLong(32, strides.address());
      tensorLong(40, OFFSET * Float.BYTES);
    }

    void tensorLong(int offset, long value) {
      structure.putLong(tensor + offset, value);
    }

    void device(int type, int id) {
      structure.putInt(tensor + 8, type);
      structure.putInt(tensor + 12, id);
    }

    void dtype(int code) {
      dtype(code, Float.SIZE, 1);
    }

    void dtype(int code, int bits, int lanes) {
      structure.putInt(tensor + 20, code | bits << 8 | lanes << 16);
    }

    @Override
    public void close() {
      structure.close();
      deleter.close();
      strides.close();
      shape.close();
      values.close();
    }
  }
}
