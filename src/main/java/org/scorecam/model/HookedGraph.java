package org.scorecam.model;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Block;
import org.bytedeco.pytorch.BoolType;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.ValueVector;
import org.bytedeco.pytorch.global.torch.TypeKind;
import org.scorecam.error.LayerException;
import org.scorecam.graph.GraphNodes;
import org.scorecam.graph.ModuleCalls;
import org.scorecam.graph.ModuleCalls.Call;
import org.scorecam.graph.TorchScriptModules;

/**
 * A TorchScript network's {@code forward} rewritten to return the outputs of some layers beside its
 * own: LibTorch has no hooks on TorchScript modules.
 *
 * <p>The calls on the way to a wanted layer are inlined, and no others, until the layer's own call
 * stands in the graph. There its output is taken: a copy of it, or itself where what later in-place
 * operations leave is wanted. The rewritten graph returns the tuple (output, [output of layer 1],
 * [output of layer 2], …). A list is empty where the network calls the layer in a condition or loop
 * that a pass did not enter.
 */
final class HookedGraph {
  /**
   * Tracing calls the second use of a module {@code forward1}, the third {@code forward2};
   * scripting calls the versions of an overloaded one {@code forward__0} and {@code forward__1}.
   */
  private static final Pattern FORWARD = Pattern.compile("forward(__)?\\d*");

  /** The list with an output is named after its layer's place; LibTorch adds to names in use. */
  private static final String TAKEN = "scorecam_taken_";

  private static final Pattern TAKEN_NAME = Pattern.compile(TAKEN + "(\\d+)(\\.\\d+)?");

  private final JitModule root;
  private final Watch watch;
  private final Graph graph;

  /** Whether the copy of an output goes on through the network, and the output itself is taken. */
  private final boolean attached;

  /** What was taken, by the numbers that the graph gives its values and never gives again. */
  private final Set<Long> seen = new HashSet<>();

  /** Why a layer's output cannot be captured. */
  private final Map<String, String> refusals = new HashMap<>();

  private HookedGraph(JitModule root, Graph graph, Watch watch, boolean attached) {
    this.root = root;
    this.graph = graph;
    this.watch = watch;
    this.attached = attached;
  }

  /**
   * Rewrites a copy of {@code forward}. Needs an open scope.
   *
   * @param root the network
   * @param watch its layers are paths of submodules that exist
   * @return a graph that lives as long as the scope that is open
   * @throws LayerException if a layer's output cannot be captured, with the reason
   */
  static Graph of(JitModule root, Watch watch) {
    Graph copy = root.get_method("forward").graph().copy();
    new HookedGraph(root, copy, watch, false).rewrite();
    return copy;
  }

  /**
   * As {@link #of}, but what is taken is what the network goes on with, so that its output can be
   * differentiated by it.
   */
  static Graph attached(JitModule root, Watch watch) {
    Graph copy = root.get_method("forward").graph().copy();
    new HookedGraph(root, copy, watch, true).rewrite();
    return copy;
  }

  /** Those of some layers whose outputs can be captured. Needs an open scope. */
  static List<String> capturable(JitModule root, List<String> layers) {
    Graph copy = root.get_method("forward").graph().copy();
    Watch all = new Watch(layers, RepeatedCall.LAST, CaptureMoment.AFTER_PASS);
    HookedGraph hooked = new HookedGraph(root, copy, all, false);
    Map<String, List<JitNode>> taken = hooked.takeOutputs();
    return layers.stream().filter(layer -> hooked.refusalOf(layer, taken) == null).toList();
  }

  private void rewrite() {
    Map<String, List<JitNode>> taken = takeOutputs();
    List<Value> results = new ArrayList<>();
    for (String layer : watch.layers()) {
      String refusal = refusalOf(layer, taken);
      if (refusal != null) {
        throw new LayerException(refusal);
      }
      results.add(countedOf(taken.get(layer)));
    }
    ValueVector tuple = new ValueVector(graph.outputs().at(0));
    results.forEach(tuple::push_back);
    GraphNodes.returnTuple(graph, tuple);
  }

  private String refusalOf(String layer, Map<String, List<JitNode>> taken) {
    if (refusals.containsKey(layer) || !taken.get(layer).isEmpty()) {
      return refusals.get(layer);
    }
    return ("layer '%s' is not called as a module by the network's forward: it is a container whose"
            + " children are called one by one, or stands in a branch that this network does not"
            + " take; choose one of its children or its parent")
        .formatted(layer);
  }

  /** Brings the layers' calls into the graph, and gives the nodes [output] by the layers' paths. */
  private Map<String, List<JitNode>> takeOutputs() {
    while (inlineOneLevel()) {
      // Each round brings the calls one module deeper into the graph.
    }
    Map<String, List<JitNode>> taken = new HashMap<>();
    watch.layers().forEach(layer -> taken.put(layer, new ArrayList<>()));
    // Read off the graph: a condition may have been decided, and a branch gone, after its calls.
    for (JitNode node : GraphNodes.deepOf(graph.block())) {
      if (GraphNodes.kindOf(node).equals("prim::ListConstruct")) {
        Matcher name = TAKEN_NAME.matcher(node.output().debugName().getString());
        if (name.matches()) {
          taken.get(watch.layers().get(Integer.parseInt(name.group(1)))).add(node);
        }
      }
    }
    return taken;
  }

  /** Takes what is in reach and inlines the calls towards the rest; false when none was left. */
  private boolean inlineOneLevel() {
    boolean any = false;
    for (Call call : ModuleCalls.in(root, graph)) {
      boolean watched = watch.layers().contains(call.path());
      boolean wanted = watched && FORWARD.matcher(call.method()).matches();
      if (wanted) {
        takeOutput(call);
      }
      boolean onTheWay = watch.layers().stream().anyMatch(call::leadsTo);
      if (onTheWay || (watched && !wanted)) {
        call.inline(root);
        any = true;
      }
    }
    return any;
  }

  /** Puts [output], or [copy of the output], behind the call; of a tuple its first tensor. */
  private void takeOutput(Call call) {
    Value returned = call.node().output();
    if (!seen.add(returned.unique())) {
      return;
    }
    int place = firstTensorOf(returned.type().get());
    if (place < 0) {
      refusals.put(
          call.path(),
          ("layer '%s' returns %s; only a layer that returns a tensor, or a tuple with one, can be captured."
                  + " Choose one of its children, or a layer after it")
              .formatted(call.path(), TorchScriptModules.nameOf(returned.type().get())));
      return;
    }
    JitNode last = call.node();
    Value output = returned;
    if (!isTensor(returned.type().get())) {
      last = graph.createTupleUnpack(returned).insertAfter(last);
      output = last.output(place);
    }
    Value taken = output;
    if (watch.moment() == CaptureMoment.AT_CALL) {
      last = GraphNodes.cloneAfter(output, last);
      if (attached) {
        last = goOnWithCopy(returned, output, last);
      } else {
        taken = last.output();
      }
    }
    JitNode list = GraphNodes.listAfter(taken, last);
    list.output().setDebugName(TAKEN + watch.layers().indexOf(call.path()));
  }

  /**
   * Gives the rest of the network a copy, which later in-place operations reach in place of the
   * output itself.
   *
   * @param returned what the call returns: the output, or the tuple that it was unpacked from
   * @return the node after which the network goes on
   */
  private JitNode goOnWithCopy(Value returned, Value output, JitNode copy) {
    JitNode last = copy;
    if (!returned.equals(output)) {
      ValueVector parts = new ValueVector();
      for (long i = 0; i < output.node().outputs().size(); i++) {
        Value part = output.node().output(i);
        parts.push_back(part.equals(output) ? copy.output() : part);
      }
      last = graph.createTuple(parts).insertAfter(copy);
      last.output().setType(returned.type());
    }
    returned.replaceAllUsesAfterNodeWith(last, last.output());
    return last;
  }

  /** The place of the first tensor in a tuple; 0 for a tensor itself, -1 where there is none. */
  private static int firstTensorOf(Type type) {
    if (isTensor(type)) {
      return 0;
    }
    int parts = type.kind().intern() == TypeKind.TupleType ? (int) type.containedTypeSize() : 0;
    return IntStream.range(0, parts)
        .filter(i -> isTensor(type.containedType(i).get()))
        .findFirst()
        .orElse(-1);
  }

  private static boolean isTensor(Type type) {
    return type.kind().intern() == TypeKind.TensorType;
  }

  /** The list with the output of the call that counts. */
  private Value countedOf(List<JitNode> taken) {
    boolean unconditional =
        taken.stream().allMatch(node -> node.owningBlock().equals(graph.block()));
    if (unconditional) {
      boolean first = watch.counted() == RepeatedCall.FIRST;
      return taken.get(first ? 0 : taken.size() - 1).output();
    }
    // What was called is known at run time alone: then it goes into a list that is empty at first.
    Value counted =
        graph.prependNode(graph.createList(GraphNodes.tensorType(), new ValueVector())).output();
    taken.forEach(node -> put(node.input(0), counted, node));
    return counted;
  }

  /** Puts an output into a list, before a node, if its call counts. */
  private void put(Value output, Value list, JitNode place) {
    graph.setInsertPoint(place);
    if (watch.counted() == RepeatedCall.LAST) {
      graph.insertNode(graph.create(Symbol.fromQualString("aten::clear"), 0)).addInput(list);
    } else {
      Value zero = graph.insertConstant(new IValue(0L));
      Value length = graph.insertNode(node("aten::len", list)).output();
      length.setType(zero.type());
      Value empty = graph.insertNode(node("aten::eq", length, zero)).output();
      empty.setType(new Type.TypePtr(BoolType.get().get()));
      JitNode condition = graph.insertNode(graph.create(Symbol.fromQualString("prim::If"), 0));
      condition.addInput(empty);
      Block then = condition.addBlock();
      condition.addBlock();
      graph.setInsertPoint(then);
    }
    graph.insertNode(node("aten::append", list, output)).output().setType(list.type());
  }

  /** A node that stands nowhere yet. */
  private JitNode node(String operator, Value... inputs) {
    JitNode node = graph.create(Symbol.fromQualString(operator));
    for (Value input : inputs) {
      node.addInput(input);
    }
    return node;
  }
}
