package org.scorecam.graph;

import java.util.List;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Value;

/**
 * Whether a node is the last to read a tensor, so that what it makes may take the tensor's place.
 */
final class LastUse {
  /**
   * Operators that put out memory of their own, and keep none of what they are given, but for one
   * that puts it where a tensor lay that nobody read any more.
   */
  private static final String KNOWN =
      "scorecam::.*|mkldnn::_convolution_pointwise_?|aten::(conv2d|_convolution)";

  private LastUse() {}

  /**
   * Only what is certain counts: a tensor of a known operator that others read, before the node, by
   * known operators alone. Needs an open scope.
   *
   * @param last the node
   * @param tensor what it reads
   * @param replaced nodes that are taken out of the graph, the node among them
   */
  static boolean isAt(JitNode last, Value tensor, List<JitNode> replaced) {
    return isKnownBefore(last, tensor.node())
        && GraphNodes.usersOf(tensor).stream()
            .allMatch(user -> replaced.contains(user) || isKnownBefore(last, user));
  }

  private static boolean isKnownBefore(JitNode last, JitNode node) {
    return GraphNodes.kindOf(node).matches(KNOWN)
        && node.owningBlock().equals(last.owningBlock())
        && node.isBefore(last);
  }
}
