package org.scorecam.kernel;

import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.runtime.NativeScope;

/**
 * Inverted residuals as an operator of LibTorch's dispatcher: {@code scorecam_inverted_residual} in
 * {@code native/include/scorecam.h}. On the CPU, in float32, channels-last; there where {@link
 * Winograd#isAvailable} is true, with which it is registered.
 */
public final class InvertedResidualKernel {
  /**
   * The operator {@code (Tensor input, Tensor weight, int hidden, int outputs, int side, int
   * stride, int activation, bool expands, bool adds_input) -> Tensor}, with a weight that {@link
   * #pack} made.
   */
  public static final String OPERATOR = "scorecam::inverted_residual";

  private InvertedResidualKernel() {}

  /** A convolution's weight, and its bias [O], float32 on the CPU or undefined. */
  public record Weights(Tensor weight, Tensor bias) {}

  /**
   * Lays weights out as the operator reads them; needs an open scope. What is missing is null.
   *
   * @param expand [E, I, 1, 1], float32, bfloat16 or float16 on the CPU, as the others
   * @param filter [E, 1, side, side]
   * @param project [O, E, 1, 1]
   * @return float32 [n], owned by the scope
   * @throws org.scorecam.error.InputException if shapes or types do not go together
   */
  public static Tensor pack(Weights expand, Weights filter, Weights project) {
    Kernels kernels = Kernels.cpu();
    try (NativeScope scope = NativeScope.open();
        LongPointer size = new LongPointer(1)) {
      Tensor tensor = filter.weight;
      kernels.check(
          CpuBinding.scorecam_inverted_residual_weight_size(
              expand == null ? 0 : expand.weight.size(1),
              tensor.size(0),
              project == null ? 0 : project.weight.size(0),
              (int) tensor.size(2),
              size));
      Tensor packed = torch.empty(size.get());
      InvertedResidualWeights weights =
          new InvertedResidualWeights()
              .filter(kernels.viewOf(tensor, "weights"))
              .filter_bias(Kernels.floatsOf(filter.bias));
      if (expand != null) {
        weights
            .expand(kernels.viewOf(expand.weight, "weights"))
            .expand_bias(Kernels.floatsOf(expand.bias));
      }
      if (project != null) {
        weights
            .project(kernels.viewOf(project.weight, "weights"))
            .project_bias(Kernels.floatsOf(project.bias));
      }
      kernels.check(CpuBinding.scorecam_inverted_residual_pack(weights, packed.data_ptr_float()));
      return scope.keep(packed);
    }
  }
}
