package org.scorecam.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Block;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Makes batch norms part of the convolutions before them, where freezing has left them for a {@link
 * RankQuestion}.
 */
final class NormFolding {
  private NormFolding() {}

  /**
   * Rewrites a program in place. Needs an open scope.
   *
   * @param inputSizes as {@link LayerInputs} has them; a convolution without stays as it is
   */
  static void in(Block program, Map<Long, List<Long>> inputSizes) {
    List<JitNode> convolutions = new ArrayList<>();
    List<JitNode> questions = new ArrayList<>();
    for (JitNode node : GraphNodes.deepOf(program)) {
      if (isConvolution(node, inputSizes)) {
        convolutions.add(node);
      } else if (RankQuestion.isOne(node) && isConvolution(node.input(0).node(), inputSizes)) {
        questions.add(node);
      }
    }
    questions.forEach(RankQuestion::answer);
    convolutions.forEach(NormFolding::fold);
  }

  private static boolean isConvolution(JitNode node, Map<Long, List<Long>> inputSizes) {
    return GraphNodes.kindOf(node).equals("aten::conv2d")
        && inputSizes.getOrDefault(node.output().unique(), List.of()).size()
            == RankQuestion.DIMENSIONS;
  }

  private static void fold(JitNode convolution) {
    Optional<JitNode> user = GraphNodes.onlyUserOf(convolution.output());
    Optional<BatchNorm> norm = user.flatMap(BatchNorm::of);
    Optional<Tensor> weight = GraphNodes.tensorOf(convolution.input(1)).filter(Tensor::defined);
    Optional<Tensor> bias = GraphNodes.tensorOf(convolution.input(2));
    if (norm.isEmpty() || weight.isEmpty() || bias.isEmpty()) {
      return;
    }
    ScalarType dtype = weight.get().scalar_type().intern();
    Graph graph = convolution.owningGraph();
    graph.setInsertPoint(convolution);
    convolution.replaceInput(
        1, graph.insertConstant(new IValue(norm.get().weightWith(weight.get()).to(dtype))));
    convolution.replaceInput(
        2, graph.insertConstant(new IValue(norm.get().biasWith(bias.get()).to(dtype))));
    user.get().output().replaceAllUsesWith(convolution.output());
    user.get().destroy();
  }
}
