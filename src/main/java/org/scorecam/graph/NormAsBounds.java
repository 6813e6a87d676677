package org.scorecam.graph;

import java.util.Optional;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Value;
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
    JitNode norm = convolution.input(0).node().input(0).node();
    try (OperatorCall bounds = operator()) {
      Value bounded = bounds.insertBefore(norm, norm.input(0));
      removeBefore(convolution, bounded);
    }
  }

  /**
   * A convolution that is given what norm and ReLU before it were given: the tensor, or the tensors
   * that were joined for them alone. Takes all these nodes out.
   *
   * @param convolution one that {@linkplain BoundedConvolution#fits fits}, with the norm in it
   * @return nothing, and all stays, if the tensors may be overwritten before the convolution is run
   */
  Optional<BoundedConvolution> joinedWith(JitNode node, PackedConvolution convolution) {
    JitNode relu = node.input(0).node();
    JitNode norm = relu.input(0).node();
    JitNode join = norm.input(0).node();
    boolean joins =
        isJoin(join)
            && join.owningBlock().equals(norm.owningBlock())
            && convolution.inputSize().size() == NormFolding.DIMENSIONS
            && GraphNodes.usersOf(join.output()).stream()
                .allMatch(user -> user.equals(norm) || NormFolding.isQuestion(user));
    for (JitNode each = (joins ? join : norm).next(); !each.equals(node); each = each.next()) {
      if (GraphNodes.writes(each) && !each.equals(relu)) {
        return Optional.empty();
      }
    }
    removeBefore(node, joins ? copyOf(join.input(0), node) : norm.input(0));
    if (joins) {
      GraphNodes.usersOf(join.output()).forEach(NormFolding::answer);
      join.destroy();
    }
    return Optional.of(new BoundedConvolution(convolution, this, joins));
  }

  /** Whether a node joins tensors [N, C, H, W] by their channels. */
  private static boolean isJoin(JitNode node) {
    return GraphNodes.kindOf(node).equals("aten::cat")
        && GraphNodes.constantOf(node.input(1))
            .filter(dimension -> dimension.toInt() == 1 || dimension.toInt() == -3)
            .isPresent();
  }

  /**
   * A list of the same tensors for an operator of ours alone: LibTorch's stable interface takes
   * them out of the list that it hands over, which the program may go on using.
   */
  private static Value copyOf(Value list, JitNode place) {
    JitNode copy = place.owningGraph().create(Symbol.fromQualString("aten::list"));
    copy.addInput(list);
    copy.output().setType(list.type());
    return copy.insertBefore(place).output();
  }

  /** Takes norm and ReLU out, and gives the convolution something else. */
  private static void removeBefore(JitNode convolution, Value input) {
    JitNode relu = convolution.input(0).node();
    JitNode norm = relu.input(0).node();
    convolution.replaceInput(0, input);
    relu.destroy();
    norm.destroy();
  }

  private static boolean isOnlyFor(JitNode node, JitNode user) {
    return GraphNodes.onlyUserOf(node.output()).filter(user::equals).isPresent();
  }
}
