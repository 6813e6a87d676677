package org.scorecam.kernel;

import org.bytedeco.pytorch.Tensor;
import org.scorecam.runtime.NativeScope;

/**
 * The first convolution of masked inputs from its responses to the cells of their maps, on the CPU:
 * {@code scorecam_stem} in {@code native/include/scorecam.h}.
 */
public final class StemKernel {
  private StemKernel() {}

  /**
   * How many rows and columns of a map's cells the filter touches at most for one output.
   *
   * @param upsampling {@code SCORECAM_UPSAMPLING_*}
   * @param map h and w
   * @param image H and W
   * @param window where the filter goes
   * @return two numbers, at least 1
   * @throws org.scorecam.error.InputException if the filter has no output
   */
  public static long[] classes(int upsampling, long[] map, long[] image, FilterWindow window) {
    long[] classes = new long[2];
    Kernels.cpu().check(CpuBinding.scorecam_stem_classes(upsampling, map, image, window, classes));
    return classes;
  }

  /**
   * What is the same for all chunks; needs an open scope, which the result is owned by.
   *
   * @param activations [K, h, w], float32, bfloat16 or float16
   * @param ranges what {@link Kernels#ranges} made of the maps
   * @param image [C, H, W]
   * @param window where the filter goes
   * @param responses float32 [classes, O, Ho, Wo], dense and channels-last
   * @param bias float32 [O], dense
   * @return with bounds that are no bounds; all tensors must stay open
   */
  public static StemSource source(
      Tensor activations,
      Tensor ranges,
      Tensor image,
      FilterWindow window,
      Tensor responses,
      Tensor bias) {
    return new StemSource()
        .activations(Kernels.cpu().viewOf(activations, "activations"))
        .ranges(new ChannelRange(ranges.data_ptr()))
        .height(image.size(1))
        .width(image.size(2))
        .window(window)
        .outputs(responses.size(1))
        .responses(responses.data_ptr_float())
        .bias(bias.data_ptr_float())
        .lowest(Float.NEGATIVE_INFINITY)
        .highest(Float.POSITIVE_INFINITY);
  }

  /**
   * Writes what the convolution gives for some channels' masked inputs.
   *
   * @param source all that is the same for other chunks
   * @param channels indices of b channels
   * @param masking how a map becomes a mask
   * @param rows where to: float32 [b, O, Ho, Wo], dense and channels-last
   */
  public static void write(StemSource source, long[] channels, Masking masking, Tensor rows) {
    Kernels kernels = Kernels.cpu();
    Kernels.requireRows(channels, rows);
    try (NativeScope scope = NativeScope.open()) {
      kernels.check(
          CpuBinding.scorecam_stem_batch(source, channels, masking, kernels.viewOf(rows, "rows")));
    }
  }
}
