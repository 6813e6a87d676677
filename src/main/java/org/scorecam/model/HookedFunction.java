package org.scorecam.model;

import java.util.List;
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

  private HookedFunction(
      JitModule module, CompilationUnit unit, Function function, OutputType type) {
    this.module = module;
    this.unit = unit;
    this.function = function;
    this.type = type;
  }

  /** Rewrites the network's forward for some layers; the network must stay open. */
  static HookedFunction of(JitModule module, List<String> layers, RepeatedCall counted) {
    try (NativeScope scope = NativeScope.open()) {
      CompilationUnit unit = new CompilationUnit();
      Graph graph = HookedGraph.of(module, layers, counted);
      GraphNodes.removeWarnings(graph.block());
      Function function = unit.create_function(new QualifiedName("scorecam.hooked_forward"), graph);
      return new HookedFunction(module, scope.keep(unit), function, OutputType.of(graph));
    }
  }

  /** Runs the network; needs an open scope, which the tuple (output, copies …) outlives. */
  ModelOutput run(Tensor input) {
    IValueVector arguments = new IValueVector(new IValue(module._ivalue()), new IValue(input));
    return ModelOutput.of(function.apply(arguments), type);
  }

  @Override
  public void close() {
    unit.close();
  }
}
