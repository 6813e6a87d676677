package org.scorecam.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.scorecam.error.DeviceException;
import org.scorecam.error.InputException;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

class NativeArrayTest {
  private static final Device CPU = Device.cpu();

  @Test
  void foreignMemoryIsSharedBothWays() {
    try (FloatPointer memory = new FloatPointer(1, 2, 3, 4, 5, 6)) {
      NativeArray array = NativeArray.contiguous(memory.address(), ScalarType.Float, CPU, 2, 3);
      assertEquals(List.of(3L, 1L), array.strides());
      try (Tensor tensor = array.asTensor()) {
        assertEquals(memory.address(), tensor.data_ptr().address());
        assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, Tensors.toArray(tensor));
        memory.put(4, 50);
        assertArrayEquals(new float[] {1, 2, 3, 4, 50, 6}, Tensors.toArray(tensor));
        tensor.zero_();
        assertEquals(0f, memory.get(5));
      }
      memory.put(0, 7);
      assertEquals(7f, memory.get(0), "the memory outlives the tensor");
    }
  }

  @Test
  void stridesMakeChannelsLastAnInput() {
    // Two pixels of three channels, H = 1, W = 2: C has the stride 1.
    try (FloatPointer memory = new FloatPointer(1, 2, 3, 10, 20, 30);
        Tensor tensor =
            new NativeArray(
                    memory.address(),
                    List.of(1L, 3L, 1L, 2L),
                    List.of(6L, 1L, 6L, 3L),
                    ScalarType.Float,
                    CPU)
                .asTensor()) {
      assertArrayEquals(new float[] {1, 10, 2, 20, 3, 30}, Tensors.toArray(tensor));
    }
  }

  @Test
  void tensorsWithoutElementsHaveNoAddress() {
    try (Tensor empty = Tensors.of(new float[0], 0, 3);
        Tensor back = NativeArray.of(empty).asTensor()) {
      assertEquals(0, NativeArray.of(empty).address());
      assertArrayEquals(new long[] {0, 3}, back.shape());
    }
  }

  @Test
  void tensorShowsItsMemory() {
    try (Tensor tensor = Tensors.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
        Tensor transposed = tensor.t()) {
      NativeArray array = NativeArray.of(transposed);
      assertEquals(
          new NativeArray(
              tensor.data_ptr().address(), List.of(3L, 2L), List.of(1L, 3L), ScalarType.Float, CPU),
          array);
      try (Tensor again = array.asTensor()) {
        assertArrayEquals(new float[] {1, 4, 2, 5, 3, 6}, Tensors.toArray(again));
      }
    }
  }

  @Test
  void otherDtypesKeepTheirElements() {
    try (Tensor floats = Tensors.of(new float[] {1, -2}, 2);
        Tensor halves = floats.to(ScalarType.Half)) {
      NativeArray array = NativeArray.of(halves);
      assertEquals(ScalarType.Half, array.dtype());
      try (Tensor again = array.asTensor()) {
        assertArrayEquals(new float[] {1, -2}, Tensors.toArray(again));
      }
    }
  }

  @Test
  void refusesWhatIsNoArray() {
    InputException noAddress =
        assertThrows(
            InputException.class, () -> NativeArray.contiguous(0, ScalarType.Float, CPU, 2, 3));
    assertEquals("an array of shape [2, 3] cannot be at address 0", noAddress.getMessage());
    InputException fewStrides =
        assertThrows(
            InputException.class,
            () -> new NativeArray(64, List.of(2L, 3L), List.of(3L), ScalarType.Float, CPU));
    assertEquals(
        "an array cannot have the shape [2, 3] with the strides [3]", fewStrides.getMessage());
    assertThrows(
        InputException.class,
        () -> new NativeArray(64, List.of(2L), List.of(-1L), ScalarType.Float, CPU));
  }

  @Test
  void refusesElementsFurtherApartThanCanBeCounted() {
    try (FloatPointer memory = new FloatPointer(1, 2)) {
      for (List<Long> strides : List.of(List.of(3L, Long.MAX_VALUE), List.of(1L << 61, 1L))) {
        NativeArray array =
            new NativeArray(memory.address(), List.of(2L, 2L), strides, ScalarType.Float, CPU);
        String message = assertThrows(InputException.class, array::asTensor).getMessage();
        assertTrue(message.contains("strides " + strides), message);
      }
      // Strides of a single element, and of none, count for nothing.
      List<Long> far = List.of(Long.MAX_VALUE, Long.MAX_VALUE);
      new NativeArray(memory.address(), List.of(1L, 1L), far, ScalarType.Float, CPU)
          .asTensor()
          .close();
      new NativeArray(0, List.of(0L, 2L), far, ScalarType.Float, CPU).asTensor().close();
    }
  }

  @Test
  void refusesTensorsWhoseValuesAreNotInTheirMemory() {
    try (NativeScope scope = NativeScope.open()) {
      Tensor conjugates = torch.view_as_complex(torch.ones(3, 2)).conj();
      refusesTensor("resolve_conj", conjugates);
      refusesTensor("resolve_neg", torch.imag(conjugates));
      NativeArray.of(torch.imag(conjugates.resolve_conj()));
      refusesTensor("to_dense", torch.ones(2, 3).to_sparse());
      refusesTensor("undefined", new Tensor());
      refusesTensor(
          "on meta",
          torch.ones(2, 3).to(new org.bytedeco.pytorch.Device("meta"), ScalarType.Float));
    }
  }

  private static void refusesTensor(String words, Tensor tensor) {
    String message = assertThrows(InputException.class, () -> NativeArray.of(tensor)).getMessage();
    assertTrue(message.contains(words), message);
  }

  @Test
  void refusesElementsThatNoTensorHas() {
    for (long[] shape : new long[][] {{2}, {0}}) {
      refusesElements("no elements of type NumOptions", ScalarType.NumOptions, shape);
      refusesElements("no elements of type Undefined", ScalarType.Undefined, shape);
      refusesElements("have a scale", ScalarType.QInt8, shape);
    }
  }

  private static void refusesElements(String words, ScalarType dtype, long... shape) {
    NativeArray array = NativeArray.contiguous(64, dtype, CPU, shape);
    String message = assertThrows(InputException.class, array::asTensor).getMessage();
    assertTrue(message.contains(words), message);
  }

  @Test
  void refusesADeviceThatIsNotThere() {
    NativeArray array = NativeArray.contiguous(64, ScalarType.Float, Device.cuda(99), 1);
    assertThrows(DeviceException.class, array::asTensor);
  }

  @Test
  void leaksNothing() {
    try (FloatPointer memory = new FloatPointer(1, 2)) {
      NativeArray array = NativeArray.contiguous(memory.address(), ScalarType.Float, CPU, 2);
      array.asTensor().close();
      long before = Pointer.totalCount();
      try (Tensor tensor = array.asTensor()) {
        assertEquals(array, NativeArray.of(tensor));
      }
      assertEquals(before, Pointer.totalCount());
    }
  }
}
