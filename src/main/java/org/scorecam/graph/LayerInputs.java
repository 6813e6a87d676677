package org.scorecam.graph;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.CompilationUnit;
import org.bytedeco.pytorch.Function;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.ValueVector;
import org.scorecam.runtime.NativeScope;

/**
 * The sizes of what convolutions and linear layers are given in a pass. The layout that oneDNN's
 * kernels want packed weights in depends on them; weights in another are laid out anew in every
 * pass.
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
   * @return as {@link #inChunk}, by the number that the graph gave the layer's output; without
   *     those in conditions and loops
   * @throws org.scorecam.error.InputException if inputs are missing
   */
  public static Map<Long, List<Long>> of(JitModule frozen, FixedInputs inputs, Tensor chunk) {
    Map<Long, List<Long>> sizes = new HashMap<>();
    try (NativeScope scope = NativeScope.open()) {
      Graph forward = frozen.get_method("forward").graph();
      Graph copy = forward.copy();
      ValueVector asked = new ValueVector();
      for (JitNode layer : layersOf(copy)) {
        JitNode size = copy.create(Symbol.fromQualString("aten::size"));
        size.addInput(layer.input(0));
        size.insertBefore(layer);
        size.output().setType(size.schema().returns().type()); // Of the overload.
        asked.push_back(size.output());
      }
      copy.eraseOutput(0);
      copy.registerOutput(copy.appendNode(copy.createTuple(asked)).output());
      CompilationUnit unit = new CompilationUnit();
      Function function = unit.create_function(new QualifiedName("scorecam.sizes"), copy);
      IValueVector answers = function.apply(inputs.with(frozen, chunk)).toTuple().elements().vec();
      List<JitNode> layers = layersOf(forward);
      for (int i = 0; i < layers.size(); i++) {
        sizes.put(
            layers.get(i).output().unique(),
            inChunk(chunk.size(0), answers.get(i).toIntVector().get()));
      }
      return sizes;
    }
  }

  private static List<JitNode> layersOf(Graph graph) {
    return GraphNodes.of(graph.block()).stream().filter(LayerFusion::isLayer).toList();
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
