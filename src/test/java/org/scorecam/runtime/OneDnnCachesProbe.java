package org.scorecam.runtime;

import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;

/** A process in which oneDNN takes every cache for one byte large until that is mended. */
final class OneDnnCachesProbe {
  private OneDnnCachesProbe() {}

  public static void main(String[] arguments) throws Exception {
    LibTorch.load();
    try (IntPointer processor = OneDnnCaches.processor().orElseThrow()) {
      System.out.println("left alone: " + OneDnnCaches.mend());
      for (int level = 0; level < 3; level++) {
        processor.put(7 + level, 1);
      }
      processor.put(27, 3);
      System.out.println("mended: " + OneDnnCaches.mend());
      System.out.println(
          "sizes: %d %d %d".formatted(processor.get(7), processor.get(8), processor.get(9)));
      System.out.println("off by: " + errorOfConvolutions());
    }
  }

  /** The largest of pointwise convolutions, which were the first to go wrong. */
  private static double errorOfConvolutions() {
    double largest = 0;
    for (long[] channels : new long[][] {{16, 64}, {64, 16}, {96, 24}, {128, 512}}) {
      try (NativeScope scope = NativeScope.open()) {
        Tensor input = torch.randn(4, channels[0], 14, 14);
        Tensor weight = torch.randn(channels[1], channels[0], 1, 1);
        Tensor got =
            torch.conv2d(
                input.contiguous(MemoryFormat.ChannelsLast),
                weight.contiguous(MemoryFormat.ChannelsLast));
        Tensor expected =
            weight.view(channels[1], channels[0]).matmul(input.flatten(2, -1)).view_as(got);
        largest = Math.max(largest, got.sub(expected).abs().max().item_double());
      }
    }
    return largest;
  }
}
