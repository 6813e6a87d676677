package org.scorecam.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.ClassType;
import org.bytedeco.pytorch.CompilationUnit;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.Type;
import org.scorecam.error.ModelException;
import org.scorecam.graph.GraphNodes;
import org.scorecam.kernel.OperatorTrace;
import org.scorecam.nn.Interceptor;
import org.scorecam.nn.Network;
import org.scorecam.tensor.Tensors;

/**
 * A network of modules as a TorchScript program of the operators that one pass through it calls:
 * what lies between its modules, such as the sum of a residual, is seen there as well.
 *
 * <p>Not every network can be had so: what its forward decides in Java is decided for good.
 */
final class TracedNetwork {
  private static final Interceptor WITHOUT_HOOKS = (module, input, forward) -> forward.apply(input);

  private TracedNetwork() {}

  /**
   * Runs a sample through a network, and makes a program of what is called.
   *
   * @param sample an input [N, C, H, W]; the network may work in place on it
   * @return over the network's own parameters; owned by the scope that is open
   * @throws ModelException if the program would compute with tensors that are neither parameters
   *     nor buffers, since nobody knows what they depend on, or would write to one
   * @throws RuntimeException as {@link OperatorTrace#of}
   */
  static JitModule of(Network network, Tensor sample) {
    List<Tensor> own = new ArrayList<>(tensorsOf(network.parameters()));
    own.addAll(tensorsOf(network.buffers()));
    try (Graph graph = OperatorTrace.of(sample, own, () -> call(network, sample))) {
      GraphNodes.removeUnusedConstants(graph.block());
      requireOnly(own, graph);
      requireUnchanged(graph);
      return moduleOf(graph);
    }
  }

  /** A pass through a network's modules, which calls no hooks. Needs an open scope. */
  static Tensor call(Network network, Tensor input) {
    return WITHOUT_HOOKS.during(() -> network.call(input));
  }

  private static List<Tensor> tensorsOf(TensorVector vector) {
    return List.of(vector.get());
  }

  private static void requireOnly(List<Tensor> own, Graph graph) {
    Set<Long> known =
        own.stream()
            .filter(each -> each.numel() > 0)
            .map(TracedNetwork::placeOf)
            .collect(Collectors.toSet());
    for (Tensor constant : GraphNodes.constantTensorsOf(graph.block())) {
      if (constant.numel() > 0 && !known.contains(placeOf(constant))) {
        throw new ModelException(
            ("the network computes with a tensor %s that is neither a parameter nor a buffer of"
                    + " its")
                .formatted(Tensors.shapeOf(constant)));
      }
    }
  }

  private static void requireUnchanged(Graph graph) {
    for (JitNode node : GraphNodes.deepOf(graph.block())) {
      if (GraphNodes.writes(node)
          && GraphNodes.kindOf(node.input(0).node()).equals("prim::Constant")) {
        throw new ModelException(
            "the network changes a parameter or buffer of its own, by " + GraphNodes.kindOf(node));
      }
    }
  }

  private static long placeOf(Tensor tensor) {
    return tensor.data_ptr().address();
  }

  /** A module without anything but its forward. */
  private static JitModule moduleOf(Graph graph) {
    CompilationUnit unit = new CompilationUnit();
    QualifiedName name = new QualifiedName("__torch__.scorecam.Traced");
    JitModule module = new JitModule(name, unit);
    ClassType type = module._ivalue().type();
    graph.insertInput(0, "self").setType(new Type.TypePtr(type));
    type.addMethod(unit.create_function(new QualifiedName(name, "forward"), graph));
    return module;
  }
}
