package org.scorecam.kernel;

import java.util.Objects;
import java.util.stream.Stream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Inverted residuals as an operator of LibTorch's dispatcher: {@code scorecam_inverted_residual} in
 * {@code native/include/scorecam.h}. On the CPU, in float32, channels-last; there where {@link
 * Winograd#isAvailable} is true, with which it is registered.
 */
public final class InvertedResidualKernel {
  /**
   * The operator {@code (Tensor input, Tensor weight, int hidden, int squeezed, int outputs, int
   * side, int stride, int activation, int squeeze_activation, int gate, bool expands, bool
   * adds_input) -> Tensor}, with a weight that {@link #pack} made.
   */
  public static final String OPERATOR = "scorecam::inverted_residual";

  private InvertedResidualKernel() {}

  /** A convolution's weight, and its bias [O], float32 on the CPU or undefined. */
  public record Weights(Tensor weight, Tensor bias) {}

  /**
   * The weights of all convolutions; null what there is none of.
   *
   * @param expand [E, I, 1, 1], float32, bfloat16 or float16 on the CPU, as the others
   * @param filter [E, 1, side, side], never null
   * @param squeeze [Q, E, 1, 1]
   * @param excite [E, Q, 1, 1]
   * @param project [O, E, 1, 1]
   */
  public record Block(
      Weights expand, Weights filter, Weights squeeze, Weights excite, Weights project) {}

  /**
   * Lays weights out as the operator reads them; needs an open scope.
   *
   * @param block the weights
   * @return float32 [n], owned by the scope
   * @throws org.scorecam.error.InputException if shapes or types do not go together
   */
  public static Tensor pack(Block block) {
    Kernels kernels = Kernels.cpu();
    Stream.of(block.expand, block.filter, block.squeeze, block.excite, block.project)
        .filter(Objects::nonNull)
        .forEach(each -> Kernels.requireFilters(each.weight));
    try (LongPointer size = new LongPointer(1)) {
      Tensor filter = block.filter.weight;
      kernels.check(
          CpuBinding.scorecam_inverted_residual_weight_size(
              block.expand == null ? 0 : block.expand.weight.size(1),
              filter.size(0),
              outputs(block.squeeze),
              outputs(block.project),
              (int) filter.size(2),
              size));
      Tensor packed = torch.empty(size.get());
      InvertedResidualWeights weights =
          new InvertedResidualWeights()
              .expand(view(kernels, block.expand))
              .expand_bias(bias(block.expand))
              .filter(view(kernels, block.filter))
              .filter_bias(bias(block.filter))
              .squeeze(view(kernels, block.squeeze))
              .squeeze_bias(bias(block.squeeze))
              .excite(view(kernels, block.excite))
              .excite_bias(bias(block.excite))
              .project(view(kernels, block.project))
              .project_bias(bias(block.project));
      kernels.check(CpuBinding.scorecam_inverted_residual_pack(weights, packed.data_ptr_float()));
      return packed;
    }
  }

  private static long outputs(Weights weights) {
    return weights == null ? 0 : weights.weight.size(0);
  }

  private static TensorView view(Kernels kernels, Weights weights) {
    return weights == null ? null : kernels.viewOf(weights.weight, "weights");
  }

  private static FloatPointer bias(Weights weights) {
    return weights == null ? null : Kernels.floatsOf(weights.bias);
  }
}
