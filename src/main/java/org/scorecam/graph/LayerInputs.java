package org.scorecam.graph;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Value;
import org.scorecam.runtime.NativeScope;

/**
 * The sizes of what convolutions, linear layers and sums are given in a pass. The layout that
 * oneDNN's kernels want packed weights in depends on them; weights in another are laid out anew in
 * every pass. And a kernel that adds something to what it puts out wants both of the same size.
 */
public final class LayerInputs {
  /** From so many rows on, the layout is that of any chunk. */
  private static final long ROWS = 4;

  private LayerInputs() {}

  /**
   * Runs a chunk through a copy of a network's {@code forward} that returns sizes.
   *
   * @param frozen a network on the CPU; stays as it is
   * @param inputs what it is given beside the chunk
   * @param chunk [B, C, H, W]; a network may work in place on it
   * @return as {@link #inChunk}, by the number that the graph gave the output of the layer or sum;
   *     empty for a sum of two sizes, and none for what is in conditions and loops
   * @throws org.scorecam.error.InputException if inputs are missing
   */
  public static Map<Long, List<Long>> of(JitModule frozen, FixedInputs inputs, Tensor chunk) {
    Map<Long, List<Long>> sizes = new HashMap<>();
    try (NativeScope scope = NativeScope.open()) {
      Graph forward = frozen.get_method("forward").graph();
      Graph copy = forward.copy();
      SizeQuestions questions = new SizeQuestions(copy);
      for (JitNode node : nodesOf(copy)) {
        givenTo(node).forEach(given -> questions.ask(given, node));
      }
      Iterator<long[]> answers = questions.answers(inputs.with(frozen, chunk)).iterator();
      for (JitNode node : nodesOf(forward)) {
        Set<List<Long>> given = new HashSet<>();
        for (int i = 0; i < givenTo(node).size(); i++) {
          given.add(inChunk(chunk.size(0), answers.next()));
        }
        boolean alike = given.size() == 1;
        sizes.put(node.output().unique(), alike ? given.iterator().next() : List.of());
      }
      return sizes;
    }
  }

  private static List<JitNode> nodesOf(Graph graph) {
    return GraphNodes.of(graph.block()).stream()
        .filter(node -> LayerFusion.isLayer(node) || LayerFusion.addsTensors(node))
        .toList();
  }

  /** What a layer computes from beside its weights, or what is added. */
  private static List<Value> givenTo(JitNode node) {
    return LayerFusion.isLayer(node)
        ? List.of(node.input(0))
        : List.of(node.input(0), node.input(1));
  }

  /**
   * The sizes in a chunk of some rows at least.
   *
   * @param rows with which they were found
   * @param sizes [N, ..]; N grows with the rows
   * @return [N, ..]; empty if there are no dimensions
   */
  public static List<Long> inChunk(long rows, long... sizes) {
    long[] more = sizes.clone();
    if (rows < ROWS && more.length > 0) {
      more[0] = more[0] / rows * ROWS;
    }
    return LongStream.of(more).boxed().toList();
  }
}
