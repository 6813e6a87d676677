package org.scorecam.model;

import org.bytedeco.pytorch.CompilationUnit;
import org.bytedeco.pytorch.Function;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.runtime.NativeScope;

/**
 * A {@link HookedGraph} that can be run. It stands in a compilation unit of its own, so that the
 * network's class keeps the methods it came with.
 */
final class HookedFunction implements AutoCloseable {
  private final JitModule module;
  private final CompilationUnit unit;
  private final Function function;
  private final OutputType type;
  private final FixedInputs inputs;

  private HookedFunction(
      JitModule module,
      CompilationUnit unit,
      Function function,
      OutputType type,
      FixedInputs inputs) {
    this.module = module;
    this.unit = unit;
    this.function = function;
    this.type = type;
    this.inputs = inputs;
  }

  /** Rewrites the network's forward for some layers; the network and the inputs must stay open. */
  static HookedFunction of(JitModule module, Watch watch, FixedInputs inputs) {
    try (NativeScope scope = NativeScope.open()) {
      CompilationUnit unit = new CompilationUnit();
      Graph graph = HookedGraph.of(module, watch);
      GraphNodes.removeWarnings(graph.block());
      Function function = unit.create_function(new QualifiedName("scorecam.forward"), graph);
      return new HookedFunction(module, scope.keep(unit), function, OutputType.of(graph), inputs);
    }
  }

  /** Runs the network; needs an open scope, which the tuple of a {@link HookedGraph} outlives. */
  ModelOutput run(Tensor input) {
    IValueVector arguments = new IValueVector(new IValue(module._ivalue()));
    IValueVector others = inputs.with(input);
    for (long i = 0; i < others.size(); i++) {
      arguments.push_back(others.get(i));
    }
    return ModelOutput.of(function.apply(arguments), type);
  }

  @Override
  public void close() {
    unit.close();
  }
}
