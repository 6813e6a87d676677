package org.scorecam.model;

import java.util.function.Supplier;
import org.bytedeco.pytorch.CompilationUnit;
import org.bytedeco.pytorch.Function;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.graph.FixedInputs;
import org.scorecam.graph.GraphNodes;
import org.scorecam.graph.OutputType;
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
    return of(module, inputs, () -> HookedGraph.of(module, watch));
  }

  /** The same for passes with gradients. */
  static HookedFunction attached(JitModule module, Watch watch, FixedInputs inputs) {
    return of(module, inputs, () -> HookedGraph.attached(module, watch));
  }

  /** A function of a graph that was rewritten already; likewise. */
  static HookedFunction of(JitModule module, Graph graph, FixedInputs inputs) {
    return of(module, inputs, () -> graph);
  }

  private static HookedFunction of(JitModule module, FixedInputs inputs, Supplier<Graph> rewrite) {
    try (NativeScope scope = NativeScope.open()) {
      CompilationUnit unit = new CompilationUnit();
      Graph graph = rewrite.get();
      GraphNodes.removeWarnings(graph.block());
      Function function = unit.create_function(new QualifiedName("scorecam.forward"), graph);
      return new HookedFunction(module, scope.keep(unit), function, OutputType.of(graph), inputs);
    }
  }

  /** Runs the network; needs an open scope, which the tuple of a {@link HookedGraph} outlives. */
  ModelOutput run(Tensor input) {
    return ModelOutput.of(function.apply(inputs.with(module, input)), type);
  }

  /**
   * Runs the network operator by operator, without LibTorch's optimised programs: on the CPU these
   * are no faster, and take as long to make as some passes. They differentiate stretches of several
   * operators as one, within which nothing that is captured would have a gradient.
   */
  ModelOutput runOperators(Tensor input) {
    boolean optimised = torch.getGraphExecutorOptimize();
    torch.setGraphExecutorOptimize(false);
    try {
      return run(input);
    } finally {
      torch.setGraphExecutorOptimize(optimised);
    }
  }

  @Override
  public void close() {
    unit.close();
  }
}
