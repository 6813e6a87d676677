package org.scorecam.model;

import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.BatchNorm2dImpl;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.DetailConv2dOptions;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;

/**
 * A convolution and the batch norm after it as one convolution.
 *
 * <p>In evaluation mode batch norm is y = (x − μ) / √(σ² + ε) · γ + β, and x = W ∗ a + b; so that y
 * = W′ ∗ a + b′ with s = γ / √(σ² + ε), W′ = s·W and b′ = (b − μ)·s + β.
 */
final class FoldedConvolution implements AutoCloseable {
  private final Tensor weight;
  private final Tensor bias;
  private final TensorOptional optionalBias;
  private final long[] stride;
  private final long[] padding;
  private final long[] dilation;
  private final long groups;

  private FoldedConvolution(Tensor weight, Tensor bias, DetailConv2dOptions options) {
    this.weight = weight;
    this.bias = bias;
    this.optionalBias = new TensorOptional(bias).<TensorOptional>retainReference();
    this.stride = pair(options.stride());
    this.padding = pair(options.padding().get0());
    this.dilation = pair(options.dilation());
    this.groups = options.groups().get();
  }

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

  /** Folds; needs an open scope, which the result outlives. */
  static FoldedConvolution of(
      Conv2dImpl convolution, BatchNorm2dImpl batchNorm, MemoryFormat memoryFormat) {
    Tensor mean = batchNorm.running_mean();
    Tensor deviation =
        batchNorm.running_var().add(new Scalar(batchNorm.options().eps().get())).sqrt();
    boolean affine = batchNorm.weight().defined();
    Tensor scale = affine ? batchNorm.weight().div(deviation) : deviation.reciprocal();
    Tensor weight = convolution.weight().mul(scale.view(-1, 1, 1, 1)).contiguous(memoryFormat);
    Tensor centred = convolution.bias().defined() ? convolution.bias().sub(mean) : mean.neg();
    Tensor scaled = centred.mul(scale);
    Tensor bias = affine ? scaled.add(batchNorm.bias()) : scaled;
    return new FoldedConvolution(
        weight.<Tensor>retainReference(), bias.<Tensor>retainReference(), convolution.options());
  }

  /** W′ ∗ input + b′, owned by the scope that is open. */
  Tensor forward(Tensor input) {
    return torch.conv2d(input, weight, optionalBias, stride, padding, dilation, groups);
  }

  @Override
  public void close() {
    optionalBias.close();
    bias.close();
    weight.close();
  }

  private static long[] pair(LongPointer values) {
    return new long[] {values.get(0), values.get(1)};
  }
}
