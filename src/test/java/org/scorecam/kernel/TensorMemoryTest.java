package org.scorecam.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Allocator;
import org.bytedeco.pytorch.DataPtr;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.bench.ResidentMemory;
import org.scorecam.error.NativeErrors;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.NativeScope;

/** The allocator as LibTorch and the presets, which know its real declaration, call it. */
class TensorMemoryTest {
  private static final long MEBIBYTE = 1 << 20;

  @BeforeEach
  void inUse() {
    NativeBuild.require();
    String allocator = LibTorch.setUp().get("allocator");
    Assumptions.assumeTrue(allocator.startsWith("keeps"), "allocator: " + allocator);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 1000, 1 << 18, 5_000_001})
  void everyFunctionIsWhereLibTorchCallsIt(long bytes) {
    try (NativeScope scope = NativeScope.open()) {
      Allocator allocator = torch.GetAllocator(DeviceType.CPU);
      Pointer raw = allocator.raw_allocate(bytes);
      BytePointer data = new BytePointer(raw).capacity(bytes);
      data.put(bytes - 1, (byte) 7);
      DataPtr copy = allocator.clone(raw, bytes);
      assertEquals(7, new BytePointer(copy.get()).get(bytes - 1));
      assertFalse(copy.get().equals(raw));
      assertEquals(copy.get(), copy.get_context());
      assertTrue(copy.device().is_cpu());
      data.put(bytes - 1, (byte) 9);
      allocator.copy_data(copy.get(), raw, bytes);
      assertEquals(9, new BytePointer(copy.get()).get(bytes - 1));
      allocator.raw_deallocate(raw);
    }
  }

  @Test
  void largeTensorsComeBackToTheirPlace() {
    long[] addresses = new long[3];
    for (int i = 0; i < addresses.length; i++) {
      try (NativeScope scope = NativeScope.open()) {
        Tensor first = torch.ones(3 * MEBIBYTE);
        Tensor second = torch.ones(5 * MEBIBYTE);
        assertEquals(8.0 * MEBIBYTE, first.sum().item_double() + second.sum().item_double());
        addresses[i] = second.data_ptr().address();
      }
    }
    assertEquals(addresses[1], addresses[2]);
  }

  @Test
  void tensorsGrow() {
    try (NativeScope scope = NativeScope.open()) {
      Tensor tensor = torch.ones(100);
      for (long elements : new long[] {MEBIBYTE, 10, 3 * MEBIBYTE}) {
        tensor.resize_(elements);
        assertEquals(10.0, tensor.narrow(0, 0, 10).sum().item_double());
        tensor.narrow(0, 10, elements - 10).fill_(new Scalar(2.0));
      }
      assertEquals(
          2.0 * (3 * MEBIBYTE - 10) + 10, tensor.to(torch.ScalarType.Double).sum().item_double());
      assertEquals(0, torch.empty(0).numel());
    }
  }

  @Test
  void wantOfMemoryIsSaidInLibTorchsWords() {
    try (NativeScope scope = NativeScope.open()) {
      RuntimeException e = assertThrows(RuntimeException.class, () -> torch.empty(1L << 50));
      assertTrue(NativeErrors.isOutOfMemory(e), e.getMessage());
    }
  }

  @Test
  void memoryIsKeptUntilItIsReleased() {
    long bytes = 400 * MEBIBYTE;
    DeviceMemory memory = DeviceMemory.of(Device.cpu());
    memory.releaseKept();
    long before = ResidentMemory.now();
    torch.ones(bytes / Float.BYTES).close();
    assertTrue(ResidentMemory.now() - before > bytes * 3 / 4, "was not kept");
    memory.releaseKept();
    assertTrue(ResidentMemory.now() - before < bytes / 4, "is still there");
  }
}
