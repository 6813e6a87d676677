package org.scorecam.graph;

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
 *
 * <p>Owned by whoever makes it; it outlives the scope that it was made in.
 */
public final class OperatorCall implements StandIn {
  private final String name;
  private final OperatorHandle operator;

  /** In the order of the schema; null where a tensor goes. */
  private final List<IValue> arguments = new ArrayList<>();

  /**
   * A call without arguments yet; they are added in the order of the schema. Needs an open scope.
   *
   * @param name such as {@code mkldnn::_convolution_pointwise}
   * @param overload its overload's name, often empty
   * @throws RuntimeException if LibTorch has no such operator
   */
  public OperatorCall(String name, String overload) {
    this.name = name;
    this.operator =
        Dispatcher.singleton().findSchemaOrThrow(name, overload).<OperatorHandle>retainReference();
  }

  /**
   * What an operator without arguments says of this machine.
   *
   * @param name such as {@code mkldnn::_is_mkldnn_bf16_supported}
   * @return its answer
   * @throws RuntimeException if LibTorch has no such operator, or it returns no boolean
   */
  public static boolean answer(String name) {
    try (NativeScope scope = NativeScope.open()) {
      IValueVector stack = new IValueVector();
      Dispatcher dispatcher = Dispatcher.singleton();
      dispatcher.callBoxed(dispatcher.findSchemaOrThrow(name, ""), stack);
      return stack.get(0).toBool();
    }
  }

  /**
   * Leaves an argument open for a tensor.
   *
   * @return this call
   */
  public OperatorCall open() {
    arguments.add(null);
    return this;
  }

  /**
   * Adds a constant; a reference is kept. Needs an open scope, as its kin do.
   *
   * @param constant of the type that the schema has at this place
   * @return this call
   */
  public OperatorCall with(IValue constant) {
    arguments.add(constant.<IValue>retainReference());
    return this;
  }

  /**
   * Adds a tensor, which is not copied; as {@link #with(IValue)}.
   *
   * @param constant of any shape, dtype and layout that the operator takes
   * @return this call
   */
  public OperatorCall with(Tensor constant) {
    return with(new IValue(constant));
  }

  /**
   * Adds a word; as {@link #with(IValue)}.
   *
   * @param constant such as {@code relu}
   * @return this call
   */
  public OperatorCall with(String constant) {
    return with(new IValue(constant));
  }

  /**
   * Adds an integer; as {@link #with(IValue)}.
   *
   * @param constant the number
   * @return this call
   */
  public OperatorCall with(long constant) {
    return with(new IValue(constant));
  }

  /**
   * Adds a floating-point number; as {@link #with(IValue)}.
   *
   * @param constant the number
   * @return this call
   */
  public OperatorCall with(double constant) {
    return with(new IValue(constant));
  }

  /**
   * Adds a boolean; as {@link #with(IValue)}.
   *
   * @param constant true or false
   * @return this call
   */
  public OperatorCall with(boolean constant) {
    return with(new IValue(constant));
  }

  /**
   * Leaves an optional argument out; as {@link #with(IValue)}.
   *
   * @return this call
   */
  public OperatorCall withNone() {
    return with(new IValue());
  }

  /**
   * Adds a list of numbers; as {@link #with(IValue)}.
   *
   * @param values of {@link Long}s for integers, else for floating-point numbers; may be empty
   * @return this call
   */
  public OperatorCall withList(List<? extends Number> values) {
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

  /**
   * Calls the operator. Needs an open scope.
   *
   * @param tensors for the arguments that were left open, in their order
   * @return its first result, owned by the scope
   * @throws RuntimeException if the operator refuses its arguments
   */
  public Tensor call(Tensor... tensors) {
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
