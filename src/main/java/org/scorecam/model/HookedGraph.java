package org.scorecam.model;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Block;
import org.bytedeco.pytorch.BlockArrayRef;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.GraphFunction;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.ValueVector;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.LayerException;

/**
 * A TorchScript network's {@code forward} rewritten to return the outputs of some layers beside its
 * own: LibTorch has no hooks on TorchScript modules.
 *
 * <p>The calls on the way to a wanted layer are inlined, and no others, until the layer's own call
 * stands in the graph. Its output is copied right there, so that a later in-place operation does
 * not show. The rewritten graph returns the tuple (output, copy of layer 1, copy of layer 2, …).
 */
final class HookedGraph {
  /**
   * A definition in a graph's text that carries a name: {@code %x : T =
   * prim::GetAttr[name="y"](…)}. The text is read because {@code JitNode.s(Symbol)} of the presets
   * returns freed memory.
   */
  private static final Pattern NAMED =
      Pattern.compile("^\\s*%(\\S+) : .* = prim::(?:GetAttr|CallMethod)\\[name=\"([^\"]+)\"\\]");

  /** Tracing calls the second use of a module {@code forward1}, the third {@code forward2}. */
  private static final Pattern FORWARD = Pattern.compile("forward\\d*");

  private final JitModule root;
  private final RepeatedCall counted;
  private final Graph graph;

  /** The copies of the wanted layers' outputs, by the layers' paths, in the order asked for. */
  private final Map<String, Value> copies = new LinkedHashMap<>();

  private HookedGraph(JitModule root, Graph graph, List<String> layers, RepeatedCall counted) {
    this.root = root;
    this.graph = graph;
    this.counted = counted;
    for (String layer : layers) {
      copies.put(layer, null);
    }
  }

  /** A call of a module's method. */
  private record Call(JitNode node, String path, String method, boolean conditional) {}

  /**
   * Rewrites a copy of {@code forward}. Needs an open scope.
   *
   * @param root the network
   * @param layers paths of submodules that exist, each once
   * @param counted which call of a layer that is called several times
   * @return a graph that lives as long as the scope that is open
   * @throws LayerException if a layer's output cannot be captured, with the reason
   */
  static Graph of(JitModule root, List<String> layers, RepeatedCall counted) {
    Graph copy = root.get_method("forward").graph().copy();
    new HookedGraph(root, copy, layers, counted).rewrite();
    return copy;
  }

  /** As {@link #of}, but rewrites {@code forward} itself; it must not have run yet. */
  static void in(JitModule root, List<String> layers, RepeatedCall counted) {
    new HookedGraph(root, root.get_method("forward").graph(), layers, counted).rewrite();
  }

  private void rewrite() {
    while (inlineOneLevel()) {
      // Each round brings the calls one module deeper into the graph.
    }
    returnCopies();
  }

  /** Copies what is in reach and inlines the calls towards the rest; false when none was left. */
  private boolean inlineOneLevel() {
    boolean any = false;
    for (Call call : calls()) {
      boolean wanted = copies.containsKey(call.path) && FORWARD.matcher(call.method).matches();
      if (wanted) {
        copyOutput(call);
      }
      boolean onTheWay =
          copies.keySet().stream().anyMatch(layer -> isBelow(layer, call.path))
              || (copies.containsKey(call.path) && !wanted);
      if (onTheWay) {
        inline(call);
        any = true;
      }
    }
    return any;
  }

  private void copyOutput(Call call) {
    if (call.conditional) {
      throw new LayerException(
          "layer '%s' is called inside a condition or loop of the network's forward, so that its"
                  .formatted(call.path)
              + " output cannot be captured; choose a layer outside of it");
    }
    Value output = call.node.output();
    String type = output.type().get().str().getString();
    if (!type.equals("Tensor")) {
      throw new LayerException(
          "the output of layer '%s' is a %s; a tensor is needed".formatted(call.path, type));
    }
    if (counts(call)) {
      JitNode copy = graph.create(Symbol.fromQualString("aten::clone"));
      JitNode sameLayout = graph.createNone();
      copy.insertAfter(call.node);
      sameLayout.insertBefore(copy);
      copy.addInput(output);
      copy.addInput(sameLayout.output());
      copies.put(call.path, copy.output());
    }
  }

  private boolean counts(Call call) {
    Value copied = copies.get(call.path);
    if (copied == null) {
      return true;
    }
    JitNode copy = copied.node();
    boolean itsOwn = copy.input(0).node().equals(call.node);
    return !itsOwn && (counted == RepeatedCall.LAST) == copy.isBefore(call.node);
  }

  private static boolean isBelow(String layer, String path) {
    return path.isEmpty() || layer.startsWith(path + ".");
  }

  private void inline(Call call) {
    JitModule module = TorchScriptModules.find(root, call.path);
    GraphFunction callee = new GraphFunction(module.get_method(call.method).function());
    torch.inlineCallTo(call.node, callee, false);
  }

  private void returnCopies() {
    ValueVector results = new ValueVector();
    results.push_back(graph.outputs().at(0));
    copies.forEach(
        (layer, copy) -> {
          if (copy == null) {
            throw new LayerException(
                ("layer '%s' is not called as a module by the network's forward (a container whose"
                        + " children are called one by one, or a branch that was compiled away);"
                        + " choose one of its children or its parent")
                    .formatted(layer));
          }
          results.push_back(copy);
        });
    JitNode tuple = graph.appendNode(graph.createTuple(results));
    graph.eraseOutput(0);
    graph.registerOutput(tuple.output());
  }

  /** Every call of a module's method in the order of the program, nested blocks included. */
  private List<Call> calls() {
    Map<String, String> names = new HashMap<>();
    graph
        .toString()
        .lines()
        .map(NAMED::matcher)
        .filter(Matcher::find)
        .forEach(named -> names.put(named.group(1), named.group(2)));
    Map<String, String> paths = new HashMap<>();
    paths.put(nameOf(graph.inputs().at(0)), "");
    List<Call> calls = new ArrayList<>();
    collectCalls(graph.block(), names, paths, false, calls);
    return calls;
  }

  private static void collectCalls(
      Block block,
      Map<String, String> names,
      Map<String, String> paths,
      boolean conditional,
      List<Call> calls) {
    for (JitNode node : GraphNodes.of(block)) {
      String kind = GraphNodes.kindOf(node);
      if (kind.equals("prim::GetAttr") || kind.equals("prim::CallMethod")) {
        String owner = paths.get(nameOf(node.input(0)));
        String name = names.get(nameOf(node.output()));
        if (owner != null && kind.equals("prim::GetAttr")) {
          paths.put(nameOf(node.output()), owner.isEmpty() ? name : owner + "." + name);
        } else if (owner != null) {
          calls.add(new Call(node, owner, name, conditional));
        }
      }
      BlockArrayRef blocks = node.blocks();
      for (long i = 0; i < blocks.size(); i++) {
        collectCalls(blocks.get(i), names, paths, true, calls);
      }
    }
  }

  private static String nameOf(Value value) {
    return value.debugName().getString();
  }
}
