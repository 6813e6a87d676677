package org.scorecam.model;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.ValueArrayRef;
import org.scorecam.error.LayerException;
import org.scorecam.model.ModuleCalls.Call;

/**
 * A TorchScript network's {@code forward} without what comes before a layer's call: its input is
 * the layer's output, and what follows is computed as before.
 */
final class GraphCut {
  private final JitModule root;
  private final String layer;
  private final Graph graph;

  private GraphCut(JitModule root, String layer) {
    this.root = root;
    this.layer = layer;
    this.graph = root.get_method("forward").graph();
  }

  /**
   * Rewrites {@code forward} itself, which must not have run yet. Needs an open scope.
   *
   * @param layer the path of a submodule that exists
   * @throws LayerException if the network cannot be cut there, with the reason
   */
  static void in(JitModule root, String layer) {
    new GraphCut(root, layer).cut();
  }

  private void cut() {
    JitNode call = onlyCall();
    List<JitNode> nodes = GraphNodes.of(graph.block());
    int place = nodes.indexOf(call);
    for (JitNode node : nodes.subList(place + 1, nodes.size())) {
      GraphNodes.deepOf(node).forEach(each -> requireOnlyTheLayer(each, call));
    }
    requireOnlyTheLayer(graph.return_node(), call);
    call.output().replaceAllUsesWith(graph.inputs().at(1));
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
        } else if (HookedGraph.isBelow(layer, call.path())) {
          HookedGraph.inline(root, call);
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
    return kind.equals("prim::Constant")
        || kind.equals("prim::GetAttr")
        || read.equals(graph.inputs().at(0));
  }

  private LayerException refusal(String reason) {
    return new LayerException(
        "the network cannot be run from layer '%s' on: %s".formatted(layer, reason));
  }
}
