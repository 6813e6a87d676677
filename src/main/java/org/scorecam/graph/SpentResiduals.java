package org.scorecam.graph;

import org.bytedeco.pytorch.Block;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Value;

/**
 * Has what oneDNN's convolutions and their residuals add up to take the place of residuals that
 * nothing reads afterwards. Where a residual is to stay as it is, LibTorch has oneDNN write the sum
 * in another layout, and copies it.
 */
final class SpentResiduals {

  // Of x, r and W, and of r, x and W; all else is the same.
  private static final int INPUT = 0;
  private static final int RESIDUAL = 1;
  private static final int ARGUMENTS = 13;

  /**
   * Operators that put out memory of their own and keep none of what they are given, except the one
   * that overwrites what nothing reads afterwards.
   */
  private static final String KNOWN =
      "scorecam::.*|" + PackedConvolution.OPERATOR + "_?|aten::(conv2d|_convolution)";

  private SpentResiduals() {}

  /** Rewrites a program in which each layer is where it reads its inputs. Needs an open scope. */
  static void overwriteIn(Block program) {
    for (JitNode node : GraphNodes.deepOf(program)) {
      if (GraphNodes.kindOf(node).equals(PackedConvolution.OPERATOR)
          && node.inputs().size() == ARGUMENTS
          && isSpentAt(node)) {
        overwriteAt(node);
      }
    }
  }

  /** Only what is certain counts: that known operators alone read it, and all of them before. */
  private static boolean isSpentAt(JitNode node) {
    Value residual = node.input(RESIDUAL);
    return !residual.equals(node.input(INPUT))
        && isKnownBefore(node, residual.node())
        && GraphNodes.usersOf(residual).stream()
            .allMatch(user -> user.equals(node) || isKnownBefore(node, user));
  }

  private static boolean isKnownBefore(JitNode last, JitNode node) {
    return GraphNodes.kindOf(node).matches(KNOWN)
        && node.owningBlock().equals(last.owningBlock())
        && node.isBefore(last);
  }

  private static void overwriteAt(JitNode node) {
    JitNode over =
        node.owningGraph().create(Symbol.fromQualString(PackedConvolution.OPERATOR + "_"));
    over.addInput(node.input(RESIDUAL));
    over.addInput(node.input(INPUT));
    for (int i = RESIDUAL + 1; i < ARGUMENTS; i++) {
      over.addInput(node.input(i));
    }
    over.insertBefore(node);
    over.output().setType(node.output().type());
    node.output().replaceAllUsesWith(over.output());
    node.destroy();
  }
}
