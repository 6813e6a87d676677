package org.scorecam.kernel;

import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Convolutions of 1×1 over channels that are kept within bounds, as operators of LibTorch's
 * dispatcher: {@code scorecam_bounded_pointwise} in {@code native/include/scorecam.h}. On the CPU,
 * in float32, channels-last; there where {@link Winograd#isAvailable} is true, with which they are
 * registered.
 */
public final class BoundedPointwiseKernel {
  /**
   * The operator {@code (Tensor input, Tensor weight, int outputs, int activation) -> Tensor}, with
   * a weight that {@link #pack} made.
   */
  public static final String OPERATOR = "scorecam::bounded_pointwise";

  /** The same for {@code Tensor[] inputs}, whose channels come one after the other. */
  public static final String JOINING_OPERATOR = "scorecam::bounded_pointwise_cat";

  private BoundedPointwiseKernel() {}

  /**
   * Lays weights and bounds out as the operators read them; needs an open scope.
   *
   * @param weight [O, I, 1, 1], float32, bfloat16 or float16 on the CPU
   * @param bias [O], float32 on the CPU, or undefined
   * @param least the lower bounds [I], float32 on the CPU; may be infinite
   * @param most the upper bounds, likewise
   * @return float32 [n], owned by the scope
   * @throws org.scorecam.error.InputException if the weight has another shape or type
   */
  public static Tensor pack(Tensor weight, Tensor bias, Tensor least, Tensor most) {
    Kernels kernels = Kernels.cpu();
    Kernels.requireFilters(weight);
    try (LongPointer size = new LongPointer(1)) {
      TensorView view = kernels.viewOf(weight, "weights");
      kernels.check(
          CpuBinding.scorecam_bounded_pointwise_weight_size(weight.size(1), weight.size(0), size));
      Tensor packed = torch.empty(size.get());
      BoundedPointwiseWeights weights =
          new BoundedPointwiseWeights()
              .weight(view)
              .bias(Kernels.floatsOf(bias))
              .least(Kernels.floatsOf(least))
              .most(Kernels.floatsOf(most));
      kernels.check(CpuBinding.scorecam_bounded_pointwise_pack(weights, packed.data_ptr_float()));
      return packed;
    }
  }
}
