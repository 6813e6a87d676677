package org.scorecam.graph;

import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * A linear layer, y = activation(W x + b) for each of many x, by oneDNN. LibTorch's own takes the
 * matrix product of its BLAS, which has one thread in our work, and not every processor's best
 * instructions.
 */
public final class PackedLinear implements PackedLayer {
  /** Bytes of weights; more than that is far from any core. */
  private static final long LARGE = 16 << 20;

  private final Tensor weight;
  private final Tensor bias;
  private final long rows;

  /**
   * A linear layer that is still to be packed. It can be used as long as its tensors can.
   *
   * @param weight [O, I] on the CPU
   * @param bias [O], of the weight's dtype; undefined if there is none
   * @param inputSize of what it will mostly be given, [.., I] of two dimensions or more
   */
  public PackedLinear(Tensor weight, Tensor bias, List<Long> inputSize) {
    this.weight = weight;
    this.bias = bias;
    this.rows = inputSize.stream().limit(inputSize.size() - 1).reduce(1L, Math::multiplyExact);
  }

  /**
   * Whether it pays, and works. A single vector is LibTorch's own affair. Large weights that there
   * is one vector for in each image, as in VGG's classifier, take longer to read than to multiply
   * with, and a second copy of them would only take memory.
   *
   * @param weight [O, I]
   * @param inputSize [.., I]; empty if it is not known
   * @return whether to pack the layer
   */
  public static boolean takes(Tensor weight, List<Long> inputSize) {
    return inputSize.size() > 2
        || (inputSize.size() == 2 && weight.numel() * weight.element_size() <= LARGE);
  }

  /** Sums stay: they cost little beside the product, and may spread what they add. */
  @Override
  public boolean takesIn(Activation activation, boolean residual) {
    return !residual && activation != Activation.HARDSIGMOID;
  }

  @Override
  public OperatorCall operator(boolean residual, Activation activation) {
    Tensor packed;
    try (OperatorCall reorder = new OperatorCall("mkldnn::_reorder_linear_weight", "")) {
      packed = reorder.with(weight.contiguous()).with(rows).call();
    }
    OperatorCall call = new OperatorCall("mkldnn::_linear_pointwise", "").open().with(packed);
    return activation.addTo(bias.defined() ? call.with(bias) : call.withNone());
  }
}
