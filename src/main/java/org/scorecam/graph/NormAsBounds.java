package org.scorecam.graph;

import java.util.Optional;
import org.bytedeco.pytorch.JitNode;
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
 * if s is negative. Bounding takes one pass over memory, and the convolution takes in s and t: W′ =
 * W·s and b′ = b + W t. That needs a convolution that sees no padding, such as one of 1×1.
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
   * The bounds. Needs an open scope.
   *
   * @return the operator, ready to be called with x [N, C, H, W] in float32; owned by the caller
   */
  public OperatorCall bounds() {
    Tensor zero = torch.zeros_like(scale);
    Tensor bound = shift.neg().div(scale);
    Tensor unbounded = torch.full_like(scale, new Scalar(Double.POSITIVE_INFINITY));
    Tensor rises = scale.gt(new Scalar(0.0));
    Tensor falls = scale.lt(new Scalar(0.0));
    Tensor least = torch.where(rises, bound, torch.where(falls, unbounded.neg(), zero));
    Tensor most = torch.where(rises, unbounded, torch.where(falls, bound, zero));
    return new OperatorCall("aten::clamp", "Tensor")
        .open()
        .with(ofChannels(least))
        .with(ofChannels(most));
  }

  private static Tensor ofChannels(Tensor values) {
    return values.to(ScalarType.Float).view(-1, 1, 1);
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

  /**
   * That before a node, if its input is made by a norm and a ReLU for it alone. Needs an open
   * scope.
   */
  static Optional<NormAsBounds> before(JitNode convolution) {
    JitNode relu = convolution.input(0).node();
    if (!GraphNodes.kindOf(relu).matches("aten::relu_?") || !isOnlyFor(relu, convolution)) {
      return Optional.empty();
    }
    JitNode norm = relu.input(0).node();
    return isOnlyFor(norm, relu) ? BatchNorm.of(norm).map(NormAsBounds::of) : Optional.empty();
  }

  /** Puts the bounds in the place of the norm and the ReLU that were found before a node. */
  void replaceBefore(JitNode convolution) {
    JitNode relu = convolution.input(0).node();
    JitNode norm = relu.input(0).node();
    try (OperatorCall bounds = bounds()) {
      convolution.replaceInput(0, bounds.insertBefore(norm, norm.input(0)));
    }
    relu.destroy();
    norm.destroy();
  }

  private static boolean isOnlyFor(JitNode node, JitNode user) {
    return GraphNodes.onlyUserOf(node.output()).filter(user::equals).isPresent();
  }
}
