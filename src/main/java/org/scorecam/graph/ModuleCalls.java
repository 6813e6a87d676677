package org.scorecam.graph;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Block;
import org.bytedeco.pytorch.BlockArrayRef;
import org.bytedeco.pytorch.FunctionSchema;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.GraphFunction;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Method;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.global.torch;

/**
 * Walks the graph of a network's method in the order of the program, and finds the calls of
 * modules' methods.
 *
 * <p>On the way it decides the conditions that depend on nothing but constants and attributes, such
 * as {@code if self.training}: the branch that is taken replaces the condition, so that what stands
 * in the other one is found by nobody.
 */
public final class ModuleCalls {
  /**
   * A node in a graph's text that carries a name: {@code %x : T = prim::GetAttr[name="y"](…)}. The
   * text is read because {@code JitNode.s(Symbol)} of the presets returns freed memory.
   */
  private static final Pattern NAMED =
      Pattern.compile("^\\s*%(\\S+) : .* = prim::(?:GetAttr|CallMethod)\\[name=\"([^\"]+)\"\\]");

  private static final Pattern SET = Pattern.compile("prim::SetAttr\\[name=\"([^\"]+)\"\\]");

  /** Functions of values alone, of which conditions are made. */
  private static final Pattern PURE =
      Pattern.compile(
          "aten::(__(is|isnot|not|and|or|xor|contains|getitem)__|eq|ne|lt|le|gt|ge|Bool|Int|Float"
              + "|add|sub|mul|floordiv|remainder|neg|len|lower|startswith|endswith)");

  /** Of these, what a tensor may be asked for: only whether it is there. */
  private static final Pattern PRESENCE = Pattern.compile("aten::__(is|isnot)__");

  private static final Pattern SAME_VALUE =
      Pattern.compile(
          "prim::unchecked_cast|aten::_unwrap_optional|prim::unchecked_unwrap_optional");

  private final JitModule root;

  /** Names in the graph's text by the names of the nodes' outputs. */
  private final Map<String, String> names = new HashMap<>();

  /** Which module a value is. */
  private final Map<Long, String> paths = new HashMap<>();

  /** Values that are the same in every run. */
  private final Map<Long, IValue> known = new HashMap<>();

  /** What the program assigns to, and what the methods of a module do, which may not be known. */
  private final Set<String> assigned;

  private final Map<String, Set<String>> assignedBy = new HashMap<>();
  private final List<Call> calls = new ArrayList<>();

  /**
   * A call of a module's method.
   *
   * @param node in the graph, which must stay open
   * @param path the module's; empty for the network itself
   * @param method the method's name, mostly {@code forward}
   * @param conditional whether it stands in a condition or loop
   */
  public record Call(JitNode node, String path, String method, boolean conditional) {
    /**
     * Whether a layer is part of the module, so that its call may stand in the method.
     *
     * @param layer a dotted path
     * @return not for the module itself
     */
    public boolean leadsTo(String layer) {
      return path.isEmpty() || layer.startsWith(path + ".");
    }

    /**
     * Puts what the method runs in the place of the call, whose node is gone then. Needs an open
     * scope.
     *
     * @param root the network
     */
    public void inline(JitModule root) {
      Method called = TorchScriptModules.find(root, path).get_method(method);
      torch.inlineCallTo(node, new GraphFunction(called.function()), false);
    }
  }

  private ModuleCalls(JitModule root, Graph graph) {
    this.root = root;
    String text = graph.toString();
    text.lines()
        .map(NAMED::matcher)
        .filter(Matcher::find)
        .forEach(named -> names.put(named.group(1), named.group(2)));
    this.assigned = assignmentsIn(text);
    paths.put(graph.inputs().at(0).unique(), "");
  }

  /**
   * All calls in a graph whose first input is the network, nested blocks included. Needs an open
   * scope.
   *
   * @param root the network
   * @param graph conditions that are constant are taken out of it
   * @return in the order of the program; their nodes are the graph's
   */
  public static List<Call> in(JitModule root, Graph graph) {
    ModuleCalls found = new ModuleCalls(root, graph);
    found.visit(GraphNodes.of(graph.block()), false);
    return found.calls;
  }

  private void visit(List<JitNode> nodes, boolean conditional) {
    for (JitNode node : nodes) {
      switch (GraphNodes.kindOf(node)) {
        case "prim::GetAttr" -> readAttribute(node);
        case "prim::CallMethod" -> addCall(node, conditional);
        case "prim::Constant" ->
            GraphNodes.constantOf(node.output()).ifPresent(value -> know(node, value));
        case "prim::If" -> visitCondition(node, conditional);
        default -> {
          evaluate(node);
          BlockArrayRef blocks = node.blocks();
          for (long i = 0; i < blocks.size(); i++) {
            visit(GraphNodes.of(blocks.get(i)), true);
          }
        }
      }
    }
  }

  private void readAttribute(JitNode node) {
    String owner = paths.get(node.input(0).unique());
    if (owner == null) {
      return;
    }
    String name = names.get(node.output().debugName().getString());
    IValue value = TorchScriptModules.find(root, owner).attr(name);
    if (value.isModule()) {
      paths.put(node.output().unique(), owner.isEmpty() ? name : owner + "." + name);
    } else if (!assigned.contains(name) && !assignedBy(owner).contains(name)) {
      know(node, value);
    }
  }

  private Set<String> assignedBy(String path) {
    return assignedBy.computeIfAbsent(
        path,
        each -> {
          Set<String> found = new HashSet<>();
          Method methods = TorchScriptModules.find(root, each).get_methods();
          // None where tracing saw the module's attributes alone being used.
          for (long i = 0; methods != null && i < methods.limit(); i++) {
            found.addAll(assignmentsIn(methods.getPointer(Method.class, i).graph().toString()));
          }
          return found;
        });
  }

  private static Set<String> assignmentsIn(String text) {
    Set<String> found = new HashSet<>();
    SET.matcher(text).results().forEach(match -> found.add(match.group(1)));
    return found;
  }

  private void addCall(JitNode node, boolean conditional) {
    String path = paths.get(node.input(0).unique());
    if (path != null) {
      String method = names.get(node.output().debugName().getString());
      calls.add(new Call(node, path, method, conditional));
    }
  }

  private void visitCondition(JitNode node, boolean conditional) {
    IValue condition = known.get(node.input(0).unique());
    if (condition == null || !condition.isBool()) {
      visit(GraphNodes.of(node.blocks().get(0)), true);
      visit(GraphNodes.of(node.blocks().get(1)), true);
      return;
    }
    Block taken = node.blocks().get(condition.toBool() ? 0 : 1);
    List<JitNode> nodes = GraphNodes.of(taken);
    nodes.forEach(each -> each.moveBefore(node));
    for (long i = 0; i < node.outputs().size(); i++) {
      node.output(i).replaceAllUsesWith(taken.outputs().at(i));
    }
    node.destroy();
    visit(nodes, conditional);
  }

  private void evaluate(JitNode node) {
    String kind = GraphNodes.kindOf(node);
    boolean sameValue = SAME_VALUE.matcher(kind).matches();
    if (!sameValue && !PURE.matcher(kind).matches()) {
      return;
    }
    boolean mayBeTensor = sameValue || PRESENCE.matcher(kind).matches();
    IValueVector stack = new IValueVector();
    for (long i = 0; i < node.inputs().size(); i++) {
      IValue input = known.get(node.input(i).unique());
      if (input == null || (input.isTensor() && !mayBeTensor)) {
        return;
      }
      stack.push_back(input);
    }
    (sameValue ? Optional.of(stack.get(0)) : resultOf(node, stack))
        .ifPresent(value -> know(node, value));
  }

  private static Optional<IValue> resultOf(JitNode node, IValueVector stack) {
    FunctionSchema schema = node.maybeSchema();
    if (schema == null || schema.is_mutable()) {
      return Optional.empty();
    }
    try {
      node.getOperation().apply(stack);
    } catch (RuntimeException e) {
      return Optional.empty(); // Such as an index out of range, which the network may never reach.
    }
    return stack.size() == 1 ? Optional.of(stack.get(0)) : Optional.empty();
  }

  private void know(JitNode node, IValue value) {
    Value output = node.output();
    known.put(output.unique(), new IValue(value));
  }
}
