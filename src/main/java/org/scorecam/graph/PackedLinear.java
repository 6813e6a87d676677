package org.scorecam.graph;

import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * A linear layer, y = activation(W x + b) for each of many x, by oneDNN. LibTorch's own takes the
 * matrix product of its BLAS, which has one thread in our work, and not every processor's best
 * instructions.
 */
public final class PackedLinear implements PackedLayer {
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
   * Whether inputs of a size suit it: a single vector is LibTorch's own affair.
   *
   * @param inputSize empty if it is not known
   * @return whether it has two dimensions or more
   */
  public static boolean takes(List<Long> inputSize) {
    return inputSize.size() >= 2;
  }

  /** Sums stay: they cost little beside the product, and may spread what they add. */
  @Override
  public boolean takesIn(Activation activation, boolean residual) {
    return !residual;
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
