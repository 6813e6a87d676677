package org.scorecam.graph;

import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Block;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Value;

/**
 * Maxima under a window by an operator of ours. LibTorch's own also notes where each of them was
 * found, which only its derivative needs.
 */
final class MaxPooling {
  /** {@code (Tensor input, int side, int stride, int padding, bool rounds_up) -> Tensor}. */
  static final String OPERATOR = "scorecam::max_pool";

  private static final String PLAIN = "aten::max_pool2d";

  /** What puts out images [N, C, H, W] in float32, where a program computes in that. */
  private static final String OF_IMAGES =
      "scorecam::.*|" + PackedConvolution.OPERATOR + "_?|" + PLAIN;

  private MaxPooling() {}

  /** Rewrites a program that computes in float32 with packed layers. */
  static void in(Block program) {
    for (JitNode node : GraphNodes.deepOf(program)) {
      if (GraphNodes.kindOf(node).equals(PLAIN) && isOfImages(node.input(0))) {
        replace(node);
      }
    }
  }

  /** Whether a layer put a value out, or joined what layers put out. */
  private static boolean isOfImages(Value value) {
    JitNode maker = value.node();
    String kind = GraphNodes.kindOf(maker);
    if (kind.equals("aten::cat")) {
      return isOfImages(maker.input(0));
    }
    if (kind.equals("prim::ListConstruct")) {
      return maker.inputs().size() > 0 && isOfImages(maker.input(0));
    }
    return kind.matches(OF_IMAGES);
  }

  private static void replace(JitNode node) {
    Optional<Long> side = bothOf(node.input(1));
    // Without a stride, windows lie beside each other.
    Optional<Long> stride = isEmpty(node.input(2)) ? side : bothOf(node.input(2));
    Optional<Long> padding = bothOf(node.input(3));
    boolean dense = bothOf(node.input(4)).filter(dilation -> dilation == 1).isPresent();
    Optional<Boolean> roundsUp =
        GraphNodes.constantOf(node.input(5)).filter(IValue::isBool).map(IValue::toBool);
    if (side.isEmpty() || stride.isEmpty() || padding.isEmpty() || !dense || roundsUp.isEmpty()) {
      return;
    }
    try (OperatorCall call =
        new OperatorCall(OPERATOR, "")
            .open()
            .with(side.get())
            .with(stride.get())
            .with(padding.get())
            .with(roundsUp.get())) {
      node.output().replaceAllUsesWith(call.insertBefore(node, node.input(0)));
      node.destroy();
    }
  }

  private static boolean isEmpty(Value numbers) {
    return GraphNodes.longsOf(numbers).filter(List::isEmpty).isPresent();
  }

  /** The number that a constant list of one or two holds, if they are the same. */
  private static Optional<Long> bothOf(Value numbers) {
    return GraphNodes.longsOf(numbers)
        .filter(list -> list.size() == 1 || list.size() == 2)
        .filter(list -> list.stream().distinct().count() == 1)
        .map(list -> list.get(0));
  }
}
