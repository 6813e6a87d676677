package org.scorecam.graph;

import java.util.Optional;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Value;

/**
 * How many dimensions a value has, as programs ask before they call a batch norm or a pooling: that
 * they ask is another use of the value.
 */
final class RankQuestion {
  /** Of images, [N, C, H, W]. */
  static final long DIMENSIONS = 4;

  private RankQuestion() {}

  /** Whether a node asks that, and does nothing else with the value. */
  static boolean isOne(JitNode node) {
    return answerOf(node).isPresent();
  }

  /** Where the answer is: of {@code dim(x)}, or of {@code len(size(x))}. */
  private static Optional<Value> answerOf(JitNode node) {
    return switch (GraphNodes.kindOf(node)) {
      case "aten::dim" -> Optional.of(node.output());
      case "aten::size" ->
          GraphNodes.onlyUserOf(node.output())
              .filter(user -> GraphNodes.kindOf(user).equals("aten::len"))
              .map(JitNode::output);
      default -> Optional.empty();
    };
  }

  /** Puts the answer in the place of a question about images. */
  static void answer(JitNode question) {
    Graph graph = question.owningGraph();
    graph.setInsertPoint(question);
    Value answer = answerOf(question).orElseThrow();
    answer.replaceAllUsesWith(graph.insertConstant(new IValue(DIMENSIONS)));
    JitNode last = answer.node();
    last.destroy();
    if (!last.equals(question)) {
      question.destroy();
    }
  }
}
