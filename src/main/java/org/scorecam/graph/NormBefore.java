package org.scorecam.graph;

import java.util.Optional;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Value;

/**
 * A batch norm and a ReLU before a convolution and for it alone, in a program, and the joining of
 * channels before them, where that is for the norm alone:
 *
 * <pre>
 * cat → batch_norm → relu → conv2d     becomes one operator
 * </pre>
 */
final class NormBefore {
  private final JitNode norm;
  private final JitNode relu;
  private final JitNode convolution;
  private final BatchNorm parameters;

  private NormBefore(JitNode norm, JitNode relu, JitNode convolution, BatchNorm parameters) {
    this.norm = norm;
    this.relu = relu;
    this.convolution = convolution;
    this.parameters = parameters;
  }

  /** That before a node, if there is one. Needs an open scope. */
  static Optional<NormBefore> of(JitNode convolution) {
    JitNode relu = convolution.input(0).node();
    if (!GraphNodes.kindOf(relu).matches("aten::relu_?") || !isOnlyFor(relu, convolution)) {
      return Optional.empty();
    }
    JitNode norm = relu.input(0).node();
    return isOnlyFor(norm, relu)
        ? BatchNorm.of(norm).map(parameters -> new NormBefore(norm, relu, convolution, parameters))
        : Optional.empty();
  }

  private static boolean isOnlyFor(JitNode node, JitNode user) {
    return GraphNodes.onlyUserOf(node.output()).filter(user::equals).isPresent();
  }

  /**
   * Makes it part of the convolution, and takes the nodes out.
   *
   * @param alone the convolution, which {@linkplain NormAsBounds#fits takes in a norm}
   * @return the layer that takes the convolution's place
   */
  PackedLayer into(PackedConvolution alone) {
    NormAsBounds bounds = NormAsBounds.of(parameters);
    PackedConvolution with = bounds.into(alone);
    boolean joins = joinsForNorm(alone);
    if (!BoundedConvolution.fits(with) || isSummed() || isWrittenBetween(joins)) {
      try (OperatorCall operator = bounds.operator()) {
        replaceBy(operator.insertBefore(norm, norm.input(0)));
      }
      return with;
    }
    if (joins) {
      JitNode join = norm.input(0).node();
      replaceBy(GraphNodes.copyOf(join.input(0), convolution));
      GraphNodes.usersOf(join.output()).forEach(RankQuestion::answer);
      join.destroy();
    } else {
      replaceBy(norm.input(0));
    }
    return new BoundedConvolution(with, bounds, joins);
  }

  /** Whether tensors [N, C, H, W] are joined by their channels for the norm alone. */
  private boolean joinsForNorm(PackedConvolution alone) {
    JitNode join = norm.input(0).node();
    return GraphNodes.joinsChannels(join)
        && join.owningBlock().equals(norm.owningBlock())
        && alone.inputSize().size() == RankQuestion.DIMENSIONS
        && GraphNodes.usersOf(join.output()).stream()
            .allMatch(user -> user.equals(norm) || RankQuestion.isOne(user));
  }

  /** Whether a sum follows, which oneDNN's convolution takes in. */
  private boolean isSummed() {
    return GraphNodes.onlyUserOf(convolution.output())
        .filter(user -> GraphNodes.kindOf(user).matches(LayerFusion.SUM))
        .isPresent();
  }

  /** Whether what is joined, or the norm's input, may be overwritten before the convolution. */
  private boolean isWrittenBetween(boolean joins) {
    JitNode first = joins ? norm.input(0).node() : norm;
    for (JitNode node = first.next(); !node.equals(convolution); node = node.next()) {
      if (GraphNodes.writes(node) && !node.equals(relu)) {
        return true;
      }
    }
    return false;
  }

  private void replaceBy(Value input) {
    convolution.replaceInput(0, input);
    relu.destroy();
    norm.destroy();
  }
}
