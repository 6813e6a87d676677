package org.scorecam.model;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Argument;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.global.torch.TypeKind;
import org.scorecam.runtime.NativeScope;

/**
 * An operator of LibTorch's dispatcher with its constant arguments; what is left open are tensors.
 * It can be called, and it can be put into a TorchScript graph.
 */
final class OperatorCall implements StandIn {
  private final String name;
  private final OperatorHandle operator;

  /** In the order of the schema; null where a tensor goes. */
  private final List<IValue> arguments = new ArrayList<>();

  /**
   * A call without arguments yet; they are added in the order of the schema.
   *
   * @param name such as {@code mkldnn::_convolution_pointwise}
   * @param overload its overload's name, often empty
   */
  OperatorCall(String name, String overload) {
    this.name = name;
    this.operator =
        Dispatcher.singleton().findSchemaOrThrow(name, overload).<OperatorHandle>retainReference();
  }

  /** What an operator without arguments says of this machine. */
  static boolean answer(String name) {
    try (NativeScope scope = NativeScope.open()) {
      IValueVector stack = new IValueVector();
      Dispatcher dispatcher = Dispatcher.singleton();
      dispatcher.callBoxed(dispatcher.findSchemaOrThrow(name, ""), stack);
      return stack.get(0).toBool();
    }
  }

  /** Leaves an argument open for a tensor. */
  OperatorCall open() {
    arguments.add(null);
    return this;
  }

  /** Adds a constant; a reference is kept. Needs an open scope, as its kin do. */
  OperatorCall with(IValue constant) {
    arguments.add(constant.<IValue>retainReference());
    return this;
  }

  OperatorCall with(Tensor constant) {
    return with(new IValue(constant));
  }

  OperatorCall with(String constant) {
    return with(new IValue(constant));
  }

  OperatorCall with(long constant) {
    return with(new IValue(constant));
  }

  OperatorCall with(double constant) {
    return with(new IValue(constant));
  }

  OperatorCall with(boolean constant) {
    return with(new IValue(constant));
  }

  OperatorCall withNone() {
    return with(new IValue());
  }

  OperatorCall withList(List<? extends Number> values) {
    GenericList list = emptyList();
    for (Number value : values) {
      list.push_back(
          value instanceof Long ? new IValue(value.longValue()) : new IValue(value.doubleValue()));
    }
    return with(new IValue(list));
  }

  /** A list of the type that the schema has at this place. */
  private GenericList emptyList() {
    Argument argument = operator.schema().arguments().getPointer(arguments.size());
    Type type = argument.type().get();
    if (type.kind().intern() == TypeKind.OptionalType) {
      type = type.containedType(0).get();
    }
    return new GenericList(type.containedType(0));
  }

  /** Calls the operator; the result belongs to the scope that is open. */
  Tensor call(Tensor... tensors) {
    IValueVector stack = new IValueVector();
    int next = 0;
    for (IValue argument : arguments) {
      stack.push_back(argument == null ? new IValue(tensors[next++]) : argument);
    }
    Dispatcher.singleton().callBoxed(operator, stack);
    return new Tensor(stack.get(0).toTensor());
  }

  @Override
  public Tensor forward(Tensor input) {
    return call(input);
  }

  /** Puts the operator before a node; needs an open scope. */
  Value insertBefore(JitNode place, Value... tensors) {
    Graph graph = place.owningGraph();
    graph.setInsertPoint(place);
    List<Value> inputs = new ArrayList<>();
    int next = 0;
    for (IValue argument : arguments) {
      inputs.add(argument == null ? tensors[next++] : insertConstant(graph, argument));
    }
    JitNode node = graph.insertNode(graph.create(Symbol.fromQualString(name)));
    inputs.forEach(node::addInput);
    return node.output();
  }

  private static Value insertConstant(Graph graph, IValue constant) {
    if (!constant.isTensor() || !constant.toTensor().is_mkldnn()) {
      return graph.insertConstant(constant);
    }
    // oneDNN's own layouts have a node of their own.
    JitNode node = graph.create(Symbol.fromQualString("prim::ConstantMKLDNNTensor"));
    node.t_(Symbol.fromQualString("attr::value"), new Tensor(constant.toTensor()));
    return graph.insertNode(node).output();
  }

  @Override
  public void close() {
    for (IValue argument : arguments) {
      if (argument != null) {
        argument.close();
      }
    }
    operator.close();
  }
}
