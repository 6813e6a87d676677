package org.scorecam.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.ValueVector;
import org.bytedeco.pytorch.global.torch.TypeKind;
import org.scorecam.runtime.NativeScope;

/**
 * The tensors that a program computes on its way, each known by its place among them. They end at
 * the first condition or loop that something comes out of: behind it a tensor is another one for
 * each way that was taken.
 */
public final class ComputedTensors {
  private ComputedTensors() {}

  /**
   * Runs a copy of a network's {@code forward} for their sizes.
   *
   * @param network stays as it is
   * @param inputs what it is given beside the chunk
   * @param chunk [B, C, H, W]; a network may work in place on it
   * @return by their places
   * @throws org.scorecam.error.InputException if inputs are missing
   */
  public static List<List<Long>> sizes(JitModule network, FixedInputs inputs, Tensor chunk) {
    try (NativeScope scope = NativeScope.open()) {
      Graph copy = network.get_method("forward").graph().copy();
      SizeQuestions questions = new SizeQuestions(copy);
      in(copy).forEach(tensor -> questions.ask(tensor, tensor.node()));
      return questions.answers(inputs.with(network, chunk)).stream()
          .map(sizes -> LongStream.of(sizes).boxed().toList())
          .toList();
    }
  }

  /**
   * A copy of a network's {@code forward} which returns some of them beside its result. Needs an
   * open scope.
   *
   * @param network stays as it is
   * @param places of those that are wanted
   * @return owned by the scope; it returns the tuple (result, [tensor], [tensor], …), of copies of
   *     the tensors as they were when they had just been computed
   */
  public static Graph returning(JitModule network, List<Integer> places) {
    Graph copy = network.get_method("forward").graph().copy();
    List<Value> tensors = in(copy);
    ValueVector tuple = new ValueVector(copy.outputs().at(0));
    for (int place : places) {
      Value tensor = tensors.get(place);
      JitNode clone = GraphNodes.cloneAfter(tensor, tensor.node());
      tuple.push_back(GraphNodes.listAfter(clone.output(), clone).output());
    }
    GraphNodes.returnTuple(copy, tuple);
    return copy;
  }

  private static List<Value> in(Graph graph) {
    List<Value> tensors = new ArrayList<>();
    for (JitNode node : GraphNodes.of(graph.block())) {
      if (node.blocks().size() > 0) {
        // Checks of the input put nothing out.
        if (node.outputs().size() > 0 || GraphNodes.writes(node)) {
          break;
        }
        continue;
      }
      boolean computes = !GraphNodes.kindOf(node).startsWith("prim::Constant");
      for (long i = 0; i < node.outputs().size() && computes; i++) {
        Value output = node.output(i);
        if (output.type().get().kind().intern() == TypeKind.TensorType) {
          tensors.add(output);
        }
      }
    }
    return tensors;
  }
}
