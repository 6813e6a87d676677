package org.scorecam.model;

import java.util.List;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.BatchNorm2dImpl;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.DetailConv2dOptions;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.graph.ConvolutionGeometry;
import org.scorecam.graph.PackedConvolution;

/**
 * A convolution and the batch norm after it as one convolution.
 *
 * <p>In evaluation mode batch norm is y = (x − μ) / √(σ² + ε) · γ + β, and x = W ∗ a + b; so that y
 * = W′ ∗ a + b′ with s = γ / √(σ² + ε), W′ = s·W and b′ = (b − μ)·s + β.
 */
final class FoldedConvolution {
  private FoldedConvolution() {}

  /** Whether the padding is numbers, and of zeros; needs an open scope. */
  static boolean fits(Conv2dImpl convolution) {
    try {
      convolution.options().padding().get0();
      convolution.options().padding_mode().get0();
      return true;
    } catch (RuntimeException e) {
      // LibTorch's variant holds "valid", "same" or another mode.
      return false;
    }
  }

  /**
   * Folds: W′ and b′, still to be packed. Needs an open scope, which owns them.
   *
   * @param batchNorm null if none follows
   * @param inputSize as {@link PackedConvolution} takes it
   */
  static PackedConvolution of(
      Conv2dImpl convolution,
      BatchNorm2dImpl batchNorm,
      List<Long> inputSize,
      NetworkScorer.Kind kind) {
    Tensor weight = convolution.weight();
    Tensor bias = convolution.bias();
    if (batchNorm != null) {
      Tensor deviation =
          batchNorm.running_var().add(new Scalar(batchNorm.options().eps().get())).sqrt();
      boolean affine = batchNorm.weight().defined();
      Tensor scale = affine ? batchNorm.weight().div(deviation) : deviation.reciprocal();
      Tensor mean = batchNorm.running_mean();
      Tensor centred = bias.defined() ? bias.sub(mean) : mean.neg();
      Tensor scaled = centred.mul(scale);
      weight = weight.mul(scale.view(-1, 1, 1, 1));
      bias = affine ? scaled.add(batchNorm.bias()) : scaled;
    }
    weight = weight.to(kind.precision().dtype()).contiguous(kind.memoryFormat());
    bias = bias.defined() ? bias.to(kind.precision().dtype()) : bias;
    return new PackedConvolution(weight, bias, geometryOf(convolution.options()), inputSize);
  }

  private static ConvolutionGeometry geometryOf(DetailConv2dOptions options) {
    return new ConvolutionGeometry(
        pair(options.stride()),
        pair(options.padding().get0()),
        pair(options.dilation()),
        options.groups().get());
  }

  private static List<Long> pair(LongPointer values) {
    return List.of(values.get(0), values.get(1));
  }
}
