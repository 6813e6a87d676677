package org.scorecam.graph;

import org.bytedeco.pytorch.Tensor;
import org.scorecam.kernel.BoundedPointwiseKernel;
import org.scorecam.kernel.Winograd;

/**
 * A convolution of 1×1 that took in the norm before it, with the {@linkplain NormAsBounds bounds}
 * that are left of norm and ReLU, as one operator of ours. In a DenseNet, whose layers are given
 * the channels of all layers before, these are joined by it, too: what is joined and bounded, for
 * each layer anew, is never stored.
 */
public final class BoundedConvolution implements PackedLayer {
  /** Of outputs; the operator computes so many together. */
  private static final long FEWEST = 32;

  private final PackedConvolution convolution;
  private final NormAsBounds bounds;
  private final boolean joins;

  /**
   * A convolution that is still to be packed. It can be used as long as the tensors of both can.
   *
   * @param convolution one that {@linkplain #fits fits}
   * @param bounds of what it is given
   * @param joins whether it is given a list of tensors [N, C, H, W] whose channels are joined, and
   *     not one tensor
   */
  public BoundedConvolution(PackedConvolution convolution, NormAsBounds bounds, boolean joins) {
    this.convolution = convolution;
    this.bounds = bounds;
    this.joins = joins;
  }

  /**
   * Whether there is an operator, and it pays.
   *
   * @param convolution one that {@linkplain NormAsBounds#fits takes in a norm}
   * @return not without our library, with a stride, or with few outputs
   */
  public static boolean fits(PackedConvolution convolution) {
    return convolution.geometry().isDense()
        && convolution.outputs() >= FEWEST
        && Winograd.isAvailable();
  }

  @Override
  public boolean takesIn(Activation activation, boolean residual) {
    return !residual && activation.kernelCode() >= 0;
  }

  @Override
  public OperatorCall operator(boolean residual, Activation activation) {
    Tensor packed =
        BoundedPointwiseKernel.pack(
            convolution.weight(), convolution.bias(), bounds.least(), bounds.most());
    return new OperatorCall(
            joins ? BoundedPointwiseKernel.JOINING_OPERATOR : BoundedPointwiseKernel.OPERATOR, "")
        .open()
        .with(packed)
        .with(convolution.outputs())
        .with((long) activation.kernelCode());
  }
}
