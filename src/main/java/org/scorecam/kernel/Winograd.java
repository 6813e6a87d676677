package org.scorecam.kernel;

import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.LibTorchSettings;
import org.scorecam.runtime.SetUpStep;

/**
 * Convolutions of 3×3 with stride 1 that need a quarter of the multiplications, as operators of
 * LibTorch's dispatcher: Winograd's minimal filtering F(4×4, 3×3), after Lavin and Gray, "Fast
 * Algorithms for Convolutional Neural Networks", CVPR 2016.
 *
 * <p>On the CPU, in float32, channels-last.
 */
public final class Winograd implements SetUpStep {
  /**
   * The operator {@code (Tensor input, Tensor weight, Tensor bias, int padding, bool relu) ->
   * Tensor}, with a weight that {@link #pack} made.
   */
  public static final String OPERATOR = "scorecam::winograd";

  /** The same with a second argument {@code Tensor residual}, which is added before the ReLU. */
  public static final String RESIDUAL_OPERATOR = "scorecam::winograd_add";

  private static volatile boolean available;

  /** For the service loader. */
  public Winograd() {}

  /**
   * Whether the operators are there: not without the native library, on a platform where LibTorch's
   * stable C interface cannot be found, or if they are switched off.
   *
   * @return always the same
   */
  public static boolean isAvailable() {
    LibTorch.load();
    return available;
  }

  @Override
  public String name() {
    return "convolutions";
  }

  @Override
  public String apply(LibTorchSettings settings) {
    if (!settings.isOn(LibTorchSettings.WINOGRAD)) {
      return settings.leftAlone(LibTorchSettings.WINOGRAD);
    }
    return NativeSetting.apply(
        () -> {
          int status = CpuBinding.scorecam_register_operators(LibTorchFile.path());
          available = status == CpuBinding.SCORECAM_STATUS_OK;
          return new NativeSetting.Outcome(status, "of 3×3 by Winograd's filtering if faster");
        });
  }

  /**
   * Transforms the weights of a convolution; needs an open scope.
   *
   * @param weight float32, bfloat16 or float16 [O, I, 3, 3] on the CPU
   * @return float32 [n], owned by the scope
   * @throws org.scorecam.error.InputException if the weight has another shape or type
   */
  public static Tensor pack(Tensor weight) {
    Kernels kernels = Kernels.cpu();
    TensorView view = kernels.viewOf(weight, "weights");
    Kernels.requireFilters(weight);
    LongPointer size = new LongPointer(1);
    kernels.check(CpuBinding.scorecam_winograd_weight_size(weight.size(1), weight.size(0), size));
    Tensor packed = torch.empty(size.get());
    kernels.check(CpuBinding.scorecam_winograd_pack(view, packed.data_ptr_float()));
    return packed;
  }
}
