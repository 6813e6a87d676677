package org.scorecam.graph;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A batch norm and a ReLU <em>before</em> a convolution, as DenseNets have them, where the norm
 * cannot become part of a convolution before it. With s and t of {@link BatchNorm},
 *
 * <p>ReLU(s·x + t) = s·bounded(x) + t
 *
 * <p>where a channel is kept from falling below −t / s if s is positive, and from rising above it
 * if s is negative. The convolution takes in s and t: W′ = W·s and b′ = b + W t. That needs one
 * that sees no padding, such as one of 1×1. Bounding takes one pass over memory, or none where it
 * is part of a {@link BoundedConvolution}.
 */
public final class NormAsBounds {
  /** With a scale that small beside the shift, a channel is what the shift makes of it. */
  private static final double CONSTANT = 1e-9;

  private final Tensor scale;
  private final Tensor shift;

  private NormAsBounds(Tensor scale, Tensor shift) {
    this.scale = scale;
    this.shift = shift;
  }

  /**
   * Of a norm and the ReLU after it. Needs an open scope, which owns the result's tensors.
   *
   * @param norm s and t
   * @return the two
   */
  public static NormAsBounds of(BatchNorm norm) {
    Tensor scale = norm.scale();
    Tensor shift = norm.shift();
    Tensor constant = scale.abs().le(shift.abs().mul(new Scalar(CONSTANT)));
    Tensor none = torch.zeros_like(scale);
    return new NormAsBounds(
        torch.where(constant, none, scale), torch.where(constant, shift.relu(), shift));
  }

  /**
   * The bounds as an operator by themselves. Needs an open scope.
   *
   * @return ready to be called with x [N, C, H, W] in float32; owned by the caller
   */
  public OperatorCall operator() {
    return new OperatorCall("aten::clamp", "Tensor")
        .open()
        .with(least().view(-1, 1, 1))
        .with(most().view(-1, 1, 1));
  }

  /** The lower bounds [C], float32. Needs an open scope. */
  Tensor least() {
    return bounds(isPositive(), isNegative(), Double.NEGATIVE_INFINITY);
  }

  /** The upper bounds [C], float32. Needs an open scope. */
  Tensor most() {
    return bounds(isNegative(), isPositive(), Double.POSITIVE_INFINITY);
  }

  private Tensor isPositive() {
    return scale.gt(new Scalar(0.0));
  }

  private Tensor isNegative() {
    return scale.lt(new Scalar(0.0));
  }

  /** The same number for channels without a bound; of those with a scale of 0 both are 0. */
  private Tensor bounds(Tensor bounded, Tensor unbounded, double none) {
    Tensor others =
        torch.where(unbounded, torch.full_like(scale, new Scalar(none)), torch.zeros_like(scale));
    return torch.where(bounded, shift.neg().div(scale), others).to(ScalarType.Float);
  }

  /**
   * Whether a convolution can take in a norm.
   *
   * @param convolution what is given the ReLU's output, and nothing else is
   * @return whether each of its outputs is made of places within the image, in float32
   */
  public static boolean fits(PackedConvolution convolution) {
    Tensor weight = convolution.weight();
    return weight.scalar_type().intern() == ScalarType.Float
        && weight.size(2) == 1
        && weight.size(3) == 1
        && convolution.geometry().isPaddedBy(0)
        && convolution.geometry().groups() == 1;
  }

  /**
   * The convolution of s·x + t as one of x. Needs an open scope, which owns its tensors.
   *
   * @param convolution one that {@linkplain #fits fits}
   * @return W′ and b′, still to be packed
   */
  public PackedConvolution into(PackedConvolution convolution) {
    Tensor weight = BatchNorm.inDouble(convolution.weight());
    Tensor added = weight.flatten(1, -1).mv(shift);
    Tensor bias =
        convolution.bias().defined() ? added.add(BatchNorm.inDouble(convolution.bias())) : added;
    return new PackedConvolution(
        weight.mul(scale.view(1, -1, 1, 1)).to(ScalarType.Float),
        bias.to(ScalarType.Float),
        convolution.geometry(),
        convolution.inputSize());
  }
}
