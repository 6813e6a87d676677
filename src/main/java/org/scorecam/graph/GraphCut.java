package org.scorecam.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.ValueArrayRef;
import org.scorecam.error.LayerException;
import org.scorecam.graph.ModuleCalls.Call;

/**
 * A TorchScript network's {@code forward} without what comes before a layer's call: its input is
 * the layer's output, and what follows is computed as before.
 */
public final class GraphCut {
  private final JitModule root;
  private final String layer;
  private final Graph graph;

  /** The first node of forward as it was; its end if there was none. */
  private final JitNode first;

  /** What takes the place of the layer's output. */
  private final Value batch;

  private GraphCut(JitModule root, String layer) {
    this.root = root;
    this.layer = layer;
    this.graph = root.get_method("forward").graph();
    List<JitNode> nodes = GraphNodes.of(graph.block());
    this.first = nodes.isEmpty() ? graph.return_node() : nodes.get(0);
    this.batch = batchOf(graph.inputs().at(1));
  }

  /** What forward takes, as one tensor: not as a list of rows, or perhaps none. */
  private Value batchOf(Value given) {
    String type = TorchScriptModules.nameOf(given.type().get());
    if (type.equals("Tensor")) {
      return given;
    }
    boolean rows = type.equals(FixedInputs.LIST);
    graph.setInsertPoint(first);
    JitNode made =
        graph.create(Symbol.fromQualString(rows ? "aten::stack" : "aten::_unwrap_optional"));
    made.addInput(given);
    if (rows) {
      made.addInput(graph.insertConstant(new IValue(0L)));
    }
    return graph.insertNode(made).output();
  }

  /**
   * Rewrites {@code forward} itself, which must not have run yet. Needs an open scope.
   *
   * @param root the network
   * @param layer the path of a submodule that exists
   * @throws LayerException if the network cannot be cut there, with the reason
   */
  public static void in(JitModule root, String layer) {
    GraphCut cut = new GraphCut(root, layer);
    cut.cut(cut.batch);
  }

  /**
   * The same for tokens [N, T, K + 1], whose last channel holds factors for what the first layer
   * norm puts out that reads them.
   *
   * @param root the network
   * @param layer the path of a submodule that exists
   * @param types of the submodules, by their paths
   * @throws LayerException as {@link #in}, and if no layer norm reads the layer's output
   */
  public static void withTokenMask(JitModule root, String layer, Map<String, String> types) {
    GraphCut cut = new GraphCut(root, layer);
    cut.graph.setInsertPoint(cut.first);
    Value tokens = cut.channels(0, -1);
    cut.cut(tokens);
    JitNode norm = cut.normThatReads(tokens, types);
    // Only now: what nothing uses yet is taken out by the cut.
    cut.graph.setInsertPoint(tokens.node());
    Value factors = cut.channels(-1, Long.MAX_VALUE);
    Value normed = norm.output();
    JitNode masked = cut.graph.create(Symbol.fromQualString("aten::mul"));
    masked.addInput(normed);
    masked.addInput(factors);
    masked.insertAfter(norm);
    normed.replaceAllUsesAfterNodeWith(masked, masked.output());
  }

  /** A slice of the input's channels. */
  private Value channels(long first, long end) {
    JitNode slice = graph.create(Symbol.fromQualString("aten::slice"));
    slice.addInput(batch);
    for (long number : new long[] {2, first, end, 1}) {
      slice.addInput(graph.insertConstant(new IValue(number)));
    }
    return graph.insertNode(slice).output();
  }

  /** Inlines the calls that read the tokens, until it is a layer norm's. */
  private JitNode normThatReads(Value tokens, Map<String, String> types) {
    while (true) {
      Call reader =
          ModuleCalls.in(root, graph).stream()
              .filter(call -> call.node().inputs().size() > 1)
              .filter(call -> call.node().input(1).equals(tokens))
              .findFirst()
              .orElseThrow(
                  () ->
                      new LayerException(
                          ("no layer norm reads the output of layer '%s', whose tokens are to be"
                                  + " masked behind it; choose a block of a transformer whose next"
                                  + " block begins with a norm")
                              .formatted(layer)));
      if (types.getOrDefault(reader.path(), "").equals("LayerNorm")) {
        return reader.node();
      }
      reader.inline(root);
    }
  }

  /** Cuts, and has what follows the layer read another value instead. */
  private void cut(Value instead) {
    JitNode call = onlyCall();
    List<JitNode> nodes = GraphNodes.of(graph.block());
    int place = nodes.indexOf(call);
    for (JitNode node : nodes.subList(place + 1, nodes.size())) {
      GraphNodes.deepOf(node).forEach(each -> requireOnlyTheLayer(each, call));
    }
    requireOnlyTheLayer(graph.return_node(), call);
    call.output().replaceAllUsesWith(instead);
    // From the last to the first, so that what only they used is unused when its turn comes.
    for (int i = place; i >= 0; i--) {
      if (!nodes.get(i).hasUses()) {
        nodes.get(i).destroy();
      }
    }
  }

  /** Inlines the calls towards the layer's, and finds that. */
  private JitNode onlyCall() {
    List<Call> found = new ArrayList<>();
    boolean inlined = true;
    while (inlined) {
      inlined = false;
      found.clear();
      for (Call call : ModuleCalls.in(root, graph)) {
        if (call.path().equals(layer)) {
          found.add(call);
        } else if (call.leadsTo(layer)) {
          call.inline(root);
          inlined = true;
        }
      }
    }
    if (found.size() != 1) {
      throw refusal(
          found.isEmpty()
              ? "its forward does not call the layer as a module; choose one of its children or its"
                  + " parent"
              : "its forward calls the layer %d times; choose one that is called once"
                  .formatted(found.size()));
    }
    if (found.get(0).conditional()) {
      throw refusal("its forward calls the layer in a condition or loop");
    }
    JitNode call = found.get(0).node();
    if (!call.output().type().get().str().getString().equals("Tensor")) {
      throw refusal(
          "the layer returns %s, not one tensor"
              .formatted(TorchScriptModules.nameOf(call.output().type().get())));
    }
    return call;
  }

  /** Throws if a node after the call reads what was computed before it. */
  private void requireOnlyTheLayer(JitNode node, JitNode call) {
    ValueArrayRef inputs = node.inputs();
    for (long i = 0; i < inputs.size(); i++) {
      Value read = inputs.get(i);
      JitNode maker = read.node();
      boolean before = maker.isBefore(call);
      if (before && !isTheSameInEveryPass(read, maker)) {
        throw refusal(
            ("what follows the layer (%s) also reads a value from before it (of %s), as where a"
                    + " residual goes around it; choose a layer that everything goes through, such"
                    + " as a whole block")
                .formatted(GraphNodes.kindOf(node), GraphNodes.kindOf(maker)));
      }
    }
  }

  private boolean isTheSameInEveryPass(Value read, JitNode maker) {
    String kind = GraphNodes.kindOf(maker);
    if (kind.equals("prim::ListConstruct")) {
      ValueArrayRef parts = maker.inputs();
      for (long i = 0; i < parts.size(); i++) {
        if (!isTheSameInEveryPass(parts.get(i), parts.get(i).node())) {
          return false;
        }
      }
      return true;
    }
    // Of what forward takes, only the batch changes.
    return kind.equals("prim::Constant")
        || kind.equals("prim::GetAttr")
        || (kind.equals("prim::Param") && !read.equals(graph.inputs().at(1)));
  }

  private LayerException refusal(String reason) {
    return new LayerException(
        "the network cannot be run from layer '%s' on: %s".formatted(layer, reason));
  }
}
