package org.scorecam.runtime;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class DeviceMemoryTest {
  private static final long MEBIBYTE = 1 << 20;

  @Test
  void whatWorkTakesAtItsPeakIsMeasured() {
    DeviceMemory memory = DeviceMemory.of(Device.cpu());
    Assumptions.assumeTrue(
        ResidentMemory.forgetPeak() && memory.available().isPresent(),
        "this system does not say what memory a process has");
    // Freed before the end, and once before the measurement: neither must hide it.
    Runnable work = () -> ones(64 * MEBIBYTE / Float.BYTES).close();
    work.run();
    long peak = memory.peakOf(work).orElseThrow();
    assertTrue(
        peak > 60 * MEBIBYTE && peak < 128 * MEBIBYTE, peak / MEBIBYTE + " MiB were measured");
    long idle = memory.peakOf(() -> {}).orElseThrow();
    assertTrue(idle < 32 * MEBIBYTE, idle / MEBIBYTE + " MiB were measured for nothing");
    assertTrue(memory.available().getAsLong() > 0);
  }

  private static Tensor ones(long count) {
    try (NativeScope scope = NativeScope.open()) {
      return scope.keep(torch.ones(new long[] {count}));
    }
  }
}
