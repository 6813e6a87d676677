package org.scorecam.graph;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.joining;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Argument;
import org.bytedeco.pytorch.FunctionSchema;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Method;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.InputException;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * What a TorchScript network's {@code forward} takes: the batch, as one tensor [N, C, H, W] or as a
 * list of N tensors [C, H, W], and beside it, the same in every pass, what the caller gave and the
 * defaults of the parameters after it. A function that is built from a graph knows no defaults, so
 * that they are handed over with the rest.
 */
public final class FixedInputs implements AutoCloseable {
  /** The parameter of the batch; itself comes first. */
  private static final int BATCH = 1;

  /** What it is where images of different sizes are welcome, as in torchvision's detectors. */
  static final String LIST = "List[Tensor]";

  /** Whether the batch is taken as a list of its rows. */
  private final boolean takesRows;

  /** In the order of the parameters. */
  private final List<IValue> values;

  /** Why a pass cannot be made. */
  private final Optional<String> lack;

  private FixedInputs(boolean takesRows, List<IValue> values, Optional<String> lack) {
    this.takesRows = takesRows;
    this.values = values;
    this.lack = lack;
  }

  /** A parameter of {@code forward}. */
  private record Parameter(String name, String type, IValue fallback) {
    @Override
    public String toString() {
      return name + ": " + type + (fallback == null ? "" : " = " + textOf(fallback));
    }

    private static String textOf(IValue value) {
      if (value.isNone()) {
        return "None";
      }
      if (value.isBool()) {
        return value.toBool() ? "True" : "False";
      }
      if (value.isInt()) {
        return Long.toString(value.toInt());
      }
      return value.isDouble() ? Double.toString(value.toDouble()) : "…";
    }
  }

  /**
   * The defaults alone; if there are parameters without, a pass will say so.
   *
   * @param module the network
   * @return owned by the caller
   */
  public static FixedInputs none(JitModule module) {
    return of(module, List.of(), Device.cpu());
  }

  /**
   * Takes copies of the caller's inputs, for the parameters after that of the batch.
   *
   * @param module the network
   * @param given in the order of the parameters; a tensor of one value serves for a number
   * @param device the network's, to which tensors are copied
   * @return owned by the caller; if inputs are missing, {@link #with(Tensor)} says so
   * @throws InputException if there are more inputs than parameters, or one is of the wrong type
   */
  public static FixedInputs of(JitModule module, List<Tensor> given, Device device) {
    requireNonNull(given, "further").forEach(each -> requireNonNull(each, "a fixed input"));
    try (NativeScope scope = NativeScope.open()) {
      List<Parameter> parameters = parametersOf(module);
      String signature =
          parameters.stream().map(Parameter::toString).collect(joining(", ", "(", ")"));
      Optional<String> lack = Optional.empty();
      boolean takesRows = !parameters.isEmpty() && parameters.get(0).type.equals(LIST);
      if (parameters.isEmpty() || !(takesRows || takesTensor(parameters.get(0)))) {
        lack =
            Optional.of(
                "the network's forward takes %s; its first parameter must be the batch, a Tensor or %s"
                    .formatted(signature, LIST));
      }
      List<Parameter> further =
          parameters.subList(Math.min(1, parameters.size()), parameters.size());
      if (given.size() > further.size()) {
        throw new InputException(
            "fixed inputs given: %d; the network's forward takes %s, so at most %d can be given"
                .formatted(given.size(), signature, further.size()));
      }
      List<IValue> values = new ArrayList<>();
      for (Parameter parameter : further) {
        int place = values.size();
        if (place < given.size()) {
          values.add(valueOf(parameter, given.get(place), device));
        } else if (parameter.fallback != null) {
          values.add(parameter.fallback);
        } else {
          lack =
              Optional.of(
                  ("the network's forward takes %s, and no value was given for '%s'; give one for each"
                          + " parameter after the batch: fixedInputs(…) in Java, --extra FILE.npy on"
                          + " the command line")
                      .formatted(signature, parameter.name));
          break;
        }
      }
      values.forEach(scope::keep);
      return new FixedInputs(takesRows, List.copyOf(values), lack);
    }
  }

  /**
   * The same for a copy of the network.
   *
   * @return owned by the caller
   */
  public FixedInputs copy() {
    return new FixedInputs(
        takesRows, values.stream().map(value -> value.<IValue>retainReference()).toList(), lack);
  }

  private static List<Parameter> parametersOf(JitModule module) {
    Method forward = module.get_method("forward");
    FunctionSchema schema = forward.function().getSchema();
    List<Parameter> parameters = new ArrayList<>();
    for (long i = BATCH; i < forward.num_inputs(); i++) {
      Argument argument = schema.arguments().getPointer(i);
      boolean optional = argument.default_value().has_value();
      parameters.add(
          new Parameter(
              argument.name().getString(),
              TorchScriptModules.nameOf(argument.type().get()),
              optional ? new IValue(argument.default_value().get()) : null));
    }
    return parameters;
  }

  private static boolean takesTensor(Parameter parameter) {
    return parameter.type.equals("Tensor") || parameter.type.equals("Optional[Tensor]");
  }

  private static IValue valueOf(Parameter parameter, Tensor given, Device device) {
    if (takesTensor(parameter)) {
      ScalarType type = given.is_floating_point() ? ScalarType.Float : given.scalar_type().intern();
      Tensor own = given.to(device.toTorch(), type);
      return new IValue(own.is_alias_of(given) ? own.clone() : own);
    }
    String number = parameter.type.replaceFirst("^Optional\\[(.*)]$", "$1");
    if (given.numel() == 1 && List.of("float", "int", "bool").contains(number)) {
      double value = given.to(ScalarType.Double).item_double();
      if (number.equals("float")) {
        return new IValue(value);
      }
      if (value == Math.rint(value)) {
        return number.equals("int") ? new IValue((long) value) : new IValue(value != 0);
      }
    }
    throw new InputException(
        "the network's forward takes '%s'; a %s tensor of shape %s cannot be given for it"
            .formatted(parameter, given.scalar_type(), Tensors.shapeOf(given)));
  }

  /**
   * The arguments of one pass; needs an open scope.
   *
   * @param batch its rows say how often a leading dimension of 1 is repeated, and its type what
   *     floating-point tensors are turned into
   * @return owned by the scope
   * @throws InputException if inputs are missing
   */
  public IValueVector with(Tensor batch) {
    requireComplete();
    IValueVector arguments = new IValueVector(takesRows ? rowsOf(batch) : new IValue(batch));
    for (IValue value : values) {
      arguments.push_back(value.isTensor() ? new IValue(fitted(value.toTensor(), batch)) : value);
    }
    return arguments;
  }

  /**
   * As {@link #with(Tensor)}, for a function that is built from a method's graph: the module comes
   * first.
   *
   * @param module the network
   * @param batch as there
   * @return owned by the scope
   * @throws InputException if inputs are missing
   */
  public IValueVector with(JitModule module, Tensor batch) {
    IValueVector arguments = new IValueVector(new IValue(module._ivalue()));
    IValueVector others = with(batch);
    for (long i = 0; i < others.size(); i++) {
      arguments.push_back(others.get(i));
    }
    return arguments;
  }

  private static IValue rowsOf(Tensor batch) {
    GenericList rows = new GenericList(GraphNodes.tensorType());
    for (long row = 0; row < batch.size(0); row++) {
      rows.push_back(new IValue(batch.select(0, row)));
    }
    return new IValue(rows);
  }

  private static Tensor fitted(Tensor fixed, Tensor batch) {
    Tensor typed =
        fixed.is_floating_point() && batch.is_floating_point()
            ? fixed.to(batch.scalar_type())
            : fixed;
    if (typed.dim() == 0 || typed.size(0) != 1 || batch.dim() == 0) {
      return typed;
    }
    long[] shape = typed.shape();
    shape[0] = batch.size(0);
    return typed.expand(shape);
  }

  /**
   * Checks that a pass can be made.
   *
   * @throws InputException if inputs are missing, with the parameters that {@code forward} has
   */
  public void requireComplete() {
    if (lack.isPresent()) {
      throw new InputException(lack.get());
    }
  }

  @Override
  public void close() {
    values.forEach(IValue::close);
  }
}
