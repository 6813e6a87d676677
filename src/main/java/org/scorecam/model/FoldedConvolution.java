package org.scorecam.model;

import java.util.List;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.BatchNorm2dImpl;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.DetailConv2dOptions;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.graph.BatchNorm;
import org.scorecam.graph.ConvolutionGeometry;
import org.scorecam.graph.PackedConvolution;

/** A module's convolution and the {@linkplain BatchNorm batch norm} after it as one convolution. */
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
      BatchNorm norm = BatchNorm.of(batchNorm);
      weight = norm.weightWith(weight);
      bias = norm.biasWith(bias);
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
