package org.scorecam.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Block;
import org.bytedeco.pytorch.BlockArrayRef;
import org.bytedeco.pytorch.FunctionSchema;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueOptional;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.OptionalType;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.Use;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.ValueVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.graph_node_list;
import org.bytedeco.pytorch.graph_node_list_iterator;

/** Reading the graph of a TorchScript program. */
public final class GraphNodes {
  private GraphNodes() {}

  /** The nodes of a block in the order of the program, without those of the blocks in them. */
  static List<JitNode> of(Block block) {
    List<JitNode> nodes = new ArrayList<>();
    graph_node_list list = block.nodes();
    JitNode end = block.return_node();
    for (graph_node_list_iterator it = list.begin(); !it.access().equals(end); it.increment()) {
      nodes.add(it.access());
    }
    return nodes;
  }

  /**
   * All nodes, those of conditions and loops included. Needs an open scope.
   *
   * @param block a program or a part of it
   * @return a node before those in its blocks, else in the order of the program; they are the
   *     graph's
   */
  public static List<JitNode> deepOf(Block block) {
    List<JitNode> all = new ArrayList<>();
    for (JitNode node : of(block)) {
      all.addAll(deepOf(node));
    }
    return all;
  }

  /** A node and those in its blocks, with what the blocks return. */
  static List<JitNode> deepOf(JitNode node) {
    List<JitNode> all = new ArrayList<>(List.of(node));
    BlockArrayRef blocks = node.blocks();
    for (long i = 0; i < blocks.size(); i++) {
      all.addAll(deepOf(blocks.get(i)));
    }
    return all;
  }

  /**
   * Whether a node, or one of those in its blocks, may write to a tensor that it did not make.
   * Needs an open scope.
   *
   * @param node any node
   * @return false only if it is certain not to
   */
  public static boolean writes(JitNode node) {
    FunctionSchema schema = node.maybeSchema();
    if (schema != null && schema.is_mutable()) {
      return true;
    }
    BlockArrayRef blocks = node.blocks();
    for (long i = 0; i < blocks.size(); i++) {
      if (of(blocks.get(i)).stream().anyMatch(GraphNodes::writes)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Takes constants out that nothing uses, which frees them. Needs an open scope.
   *
   * @param block a program or a part of it, changed in place
   */
  public static void removeUnusedConstants(Block block) {
    for (JitNode node : deepOf(block)) {
      if (kindOf(node).equals("prim::Constant") && !node.hasUses()) {
        node.destroy();
      }
    }
  }

  /**
   * Takes warnings out, which a program would print anew in every pass. Needs an open scope.
   *
   * @param block a program or a part of it, changed in place
   */
  public static void removeWarnings(Block block) {
    for (JitNode node : deepOf(block)) {
      if (kindOf(node).equals("aten::warn")) {
        node.destroy();
      }
    }
  }

  /**
   * The operator of a node. Needs an open scope.
   *
   * @param node any node
   * @return its qualified name, such as {@code aten::conv2d}
   */
  public static String kindOf(JitNode node) {
    return node.kind().toQualString().getString();
  }

  /**
   * What uses a value, if exactly one node does, and at one place, in the value's own block. Needs
   * an open scope.
   *
   * @param value any value of a graph
   * @return the node, which is the graph's; nothing if there are several uses, none, or one in
   *     another block
   */
  public static Optional<JitNode> onlyUserOf(Value value) {
    return Optional.of(usersOf(value))
        .filter(users -> users.size() == 1)
        .map(users -> users.get(0))
        .filter(user -> user.owningBlock().equals(value.node().owningBlock()));
  }

  /** What uses a value: a node for each place at which it does. */
  static List<JitNode> usersOf(Value value) {
    List<JitNode> users = new ArrayList<>();
    Use uses = value.uses();
    if (uses == null) {
      return users; // Once the last use has been removed.
    }
    for (long i = uses.position(); i < uses.limit(); i++) {
      users.add(new Use(uses).<Use>position(i).user());
    }
    return users;
  }

  /**
   * The value of a constant. Needs an open scope.
   *
   * @param value any value of a graph
   * @return owned by the scope; nothing if the graph computes the value
   */
  public static Optional<IValue> constantOf(Value value) {
    IValueOptional constant = torch.toIValue(value);
    return constant.has_value() ? Optional.of(constant.get()) : Optional.empty();
  }

  /**
   * The numbers of a list of integers. Needs an open scope.
   *
   * @param list holds nothing else
   * @return in its order
   */
  public static List<Long> longsOf(IValue list) {
    return LongStream.of(list.toIntVector().get()).boxed().toList();
  }

  /** Those of a constant that is such a list. */
  static Optional<List<Long>> longsOf(Value value) {
    return constantOf(value).filter(IValue::isIntList).map(GraphNodes::longsOf);
  }

  /** A constant that is an integer. */
  static Optional<Long> numberOf(Value value) {
    return constantOf(value).filter(IValue::isInt).map(IValue::toInt);
  }

  /** Whether a value is a constant integer, and which. */
  static boolean isNumber(Value value, long number) {
    return numberOf(value).filter(each -> each == number).isPresent();
  }

  /** Whether a node joins tensors by their channels, if they are images [N, C, H, W]. */
  static boolean joinsChannels(JitNode node) {
    return kindOf(node).equals("aten::cat")
        && (isNumber(node.input(1), 1) || isNumber(node.input(1), -3));
  }

  /**
   * A list of the same tensors, made before a node, for an operator of ours alone: LibTorch's
   * stable interface takes them out of the list that it hands over, which the program may go on
   * using.
   */
  static Value copyOf(Value list, JitNode place) {
    JitNode copy = place.owningGraph().create(Symbol.fromQualString("aten::list"));
    copy.addInput(list);
    copy.output().setType(list.type());
    return copy.insertBefore(place).output();
  }

  /**
   * Copies a tensor as it is after a node. Needs an open scope.
   *
   * @param tensor any value of a graph that is one
   * @param place a node behind which the tensor is there
   * @return the node that copies, in the same layout; it is the graph's
   */
  public static JitNode cloneAfter(Value tensor, JitNode place) {
    Graph graph = place.owningGraph();
    JitNode sameLayout = graph.createNone().insertAfter(place);
    JitNode clone = graph.create(Symbol.fromQualString("aten::clone"));
    clone.addInput(tensor);
    clone.addInput(sameLayout.output());
    return clone.insertAfter(sameLayout);
  }

  /**
   * Makes a list of one tensor. Needs an open scope.
   *
   * @param tensor any value of a graph that is one
   * @param place a node behind which the tensor is there
   * @return the node that makes the list; it is the graph's
   */
  public static JitNode listAfter(Value tensor, JitNode place) {
    JitNode list = place.owningGraph().createList(tensorType(), new ValueVector(tensor));
    return list.insertAfter(place);
  }

  /**
   * Has a program return a tuple in place of its result. Needs an open scope.
   *
   * @param program changed in place
   * @param parts of the tuple
   */
  public static void returnTuple(Graph program, ValueVector parts) {
    JitNode tuple = program.appendNode(program.createTuple(parts));
    program.eraseOutput(0);
    program.registerOutput(tuple.output());
  }

  /**
   * The type that a program's tensors have.
   *
   * @return owned by the scope that is open
   */
  public static Type.TypePtr tensorType() {
    return OptionalType.ofTensor().get().containedType(0);
  }

  /** A constant that is a tensor, undefined for None; nothing if it is neither. */
  static Optional<Tensor> tensorOf(Value value) {
    return constantOf(value)
        .filter(constant -> constant.isNone() || constant.isTensor())
        .map(constant -> constant.isNone() ? new Tensor() : new Tensor(constant.toTensor()));
  }

  /**
   * The tensors that a program holds itself. Needs an open scope.
   *
   * @param block a program or a part of it
   * @return in the order of the program; owned by the scope
   */
  public static List<Tensor> constantTensorsOf(Block block) {
    return deepOf(block).stream()
        .filter(node -> kindOf(node).equals("prim::Constant"))
        .flatMap(node -> tensorOf(node.output()).stream())
        .filter(Tensor::defined)
        .toList();
  }
}
