package org.scorecam.graph;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.bytedeco.pytorch.Argument;
import org.bytedeco.pytorch.FunctionSchema;
import org.bytedeco.pytorch.FunctionVector;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.GraphFunction;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.NamedIValue;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.named_attribute_iterator;
import org.bytedeco.pytorch.named_attribute_list;
import org.scorecam.runtime.Device;

/**
 * Makes a TorchScript network that was just loaded one for float32 inputs on its device.
 *
 * <ul>
 *   <li>Parameters, buffers and constants of other floating-point types become float32; so do the
 *       types that the program casts to, where the weights had them. Nothing is lost: a scorer in
 *       reduced precision rounds them back to what they were.
 *   <li>Devices in the program, which tracing writes down as it finds them, become the network's.
 * </ul>
 */
public final class Adaptation {
  private final Symbol value = Symbol.fromQualString("attr::value");
  private final Device device;

  /** The floating-point types other than float32 that the network's tensors had. */
  private final Set<ScalarType> replaced = new HashSet<>();

  private Adaptation(Device device) {
    this.device = device;
  }

  /**
   * Changes a module in place. Needs an open scope.
   *
   * @param module the network, on the device; it must not have run yet
   * @param device that of the network
   */
  public static void of(JitModule module, Device device) {
    Adaptation adaptation = new Adaptation(device);
    adaptation.convertTensors(module);
    FunctionVector functions = module._ivalue().compilation_unit().get_functions();
    for (long i = 0; i < functions.size(); i++) {
      Graph graph = new GraphFunction(functions.get(i)).graph();
      List<JitNode> nodes = GraphNodes.deepOf(graph.block());
      nodes.forEach(adaptation::convertConstant);
      nodes.forEach(node -> adaptation.rewrite(graph, node));
    }
  }

  private void convertTensors(JitModule module) {
    named_attribute_list attributes = module.named_attributes(true);
    named_attribute_iterator end = attributes.end();
    for (named_attribute_iterator it = attributes.begin(); it.notEquals(end); it = it.increment()) {
      NamedIValue attribute = it.access();
      if (attribute.value().isTensor()) {
        Tensor tensor = new Tensor(attribute.value().toTensor());
        if (isOtherFloat(tensor)) {
          tensor.set_data(asFloat32(tensor));
        }
      }
    }
  }

  private static boolean isOtherFloat(Tensor tensor) {
    return tensor.defined()
        && tensor.is_floating_point()
        && tensor.scalar_type().intern() != ScalarType.Float;
  }

  private Tensor asFloat32(Tensor tensor) {
    replaced.add(tensor.scalar_type().intern());
    return tensor.to(ScalarType.Float);
  }

  private void convertConstant(JitNode node) {
    if (!GraphNodes.kindOf(node).equals("prim::Constant") || !node.hasAttribute(value)) {
      return;
    }
    GraphNodes.constantOf(node.output())
        .filter(IValue::isTensor)
        .map(constant -> new Tensor(constant.toTensor()))
        .filter(Adaptation::isOtherFloat)
        .ifPresent(
            tensor -> {
              Tensor converted = asFloat32(tensor);
              node.t_(value, converted);
              node.output().inferTypeFrom(converted);
            });
  }

  private void rewrite(Graph graph, JitNode node) {
    switch (GraphNodes.kindOf(node)) {
      case "prim::Constant" ->
          GraphNodes.constantOf(node.output())
              .filter(IValue::isDevice)
              .ifPresent(written -> replaceByOurDevice(graph, node));
      case "aten::device" ->
          GraphNodes.constantOf(node.input(0)).ifPresent(name -> replaceByOurDevice(graph, node));
      case "aten::cuda" -> {
        if (device.type() == Device.Type.CPU) {
          node.output().replaceAllUsesWith(node.input(0));
          // Run operator by operator, what nobody uses is run as well.
          node.destroy();
        }
      }
      default -> replaceTypes(graph, node);
    }
  }

  private void replaceByOurDevice(Graph graph, JitNode node) {
    graph.setInsertPoint(node);
    Value ours = graph.insertConstant(new IValue(device.toTorch()));
    node.output().replaceAllUsesWith(ours);
  }

  /** Turns the types that a node's arguments name into float32 where the weights were turned. */
  private void replaceTypes(Graph graph, JitNode node) {
    FunctionSchema schema = replaced.isEmpty() ? null : node.maybeSchema();
    if (schema == null || schema.is_vararg()) {
      return;
    }
    for (long i = 0; i < node.inputs().size(); i++) {
      Argument argument = schema.arguments().getPointer(i);
      String type = argument.real_type().get().str().getString();
      boolean named = type.equals("ScalarType") || type.equals("ScalarType?");
      if (named && GraphNodes.constantOf(node.input(i)).filter(this::isReplaced).isPresent()) {
        graph.setInsertPoint(node);
        node.replaceInput(i, graph.insertConstant(new IValue((long) ScalarType.Float.value)));
      }
    }
  }

  private boolean isReplaced(IValue type) {
    return type.isInt()
        && replaced.stream().anyMatch(replacedType -> replacedType.value == type.toInt());
  }
}
