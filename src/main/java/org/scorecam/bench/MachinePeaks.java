package org.scorecam.bench;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;

/**
 * What LibTorch reaches at best on a device, with the threads that are set.
 *
 * @param float32 floating-point operations a second in a matrix product
 * @param bfloat16 the same in bfloat16
 * @param copy bytes a second that a copy reads and writes, together
 */
public record MachinePeaks(double float32, double bfloat16, double copy) {
  /** The best counts, since what else happens on the machine only ever takes time. */
  private static final int RUNS = 8;

  private static final long CHANNELS = 1024;
  private static final long[] PIXELS = {8, CHANNELS, 32, 32};
  private static final long FLOATS = 32L << 20;
  private static final double NANOSECONDS = 1e9;

  /** A run of something, and the scope that it is to free its temporaries with. */
  private interface Work {
    Tensor run();
  }

  /**
   * Measures; takes a second or two.
   *
   * @param device what to measure
   * @return the peaks
   */
  public static MachinePeaks of(Device device) {
    try (NativeScope scope = NativeScope.open();
        LibTorchWork work = LibTorchWork.begin()) {
      Tensor from = torch.ones(FLOATS).to(device.toTorch(), ScalarType.Float);
      Tensor to = torch.empty_like(from);
      double bytes = 2.0 * Float.BYTES * FLOATS;
      return new MachinePeaks(
          product(device, ScalarType.Float),
          product(device, ScalarType.BFloat16),
          bytes / seconds(device, () -> to.copy_(from)));
    }
  }

  /** As a 1×1 convolution: LibTorch's matrix products run on one thread with our set-up. */
  private static double product(Device device, ScalarType dtype) {
    Tensor input =
        torch.ones(PIXELS).to(device.toTorch(), dtype).contiguous(MemoryFormat.ChannelsLast);
    Tensor weight = torch.ones(CHANNELS, CHANNELS, 1, 1).to(device.toTorch(), dtype);
    double operations = 2.0 * input.numel() * CHANNELS;
    return operations / seconds(device, () -> torch.conv2d(input, weight));
  }

  private static double seconds(Device device, Work work) {
    double best = Double.POSITIVE_INFINITY;
    for (int run = 0; run < RUNS; run++) {
      try (NativeScope scope = NativeScope.open()) {
        long start = System.nanoTime();
        work.run();
        DeviceMemory.of(device).finishWork();
        best = Math.min(best, (System.nanoTime() - start) / NANOSECONDS);
      }
    }
    return best;
  }
}
