package org.scorecam.model;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.CompilationUnit;
import org.bytedeco.pytorch.Function;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TupleElements;
import org.scorecam.runtime.NativeScope;

/**
 * A {@link HookedGraph} that can be run. It stands in a compilation unit of its own, so that the
 * network's class keeps the methods it came with.
 */
final class HookedFunction implements AutoCloseable {
  private final CompilationUnit unit;
  private final Function function;

  private HookedFunction(CompilationUnit unit, Function function) {
    this.unit = unit;
    this.function = function;
  }

  /** Rewrites the network's forward for some layers. */
  static HookedFunction of(JitModule module, List<String> layers, RepeatedCall counted) {
    try (NativeScope scope = NativeScope.open()) {
      CompilationUnit unit = new CompilationUnit();
      Function function =
          unit.create_function(
              new QualifiedName("scorecam.hooked_forward"),
              HookedGraph.of(module, layers, counted));
      return new HookedFunction(scope.keep(unit), function);
    }
  }

  /** Runs the network; needs an open scope. What it returns outlives that scope. */
  Capture run(JitModule module, Tensor input) {
    IValueVector arguments = new IValueVector(new IValue(module._ivalue()), new IValue(input));
    TupleElements results = function.apply(arguments).toTuple().elements();
    ModelOutput output = ModelOutput.of(results.get(0));
    List<Tensor> activations = new ArrayList<>();
    for (long i = 1; i < results.size(); i++) {
      activations.add(new Tensor(results.get(i).toTensor()).<Tensor>retainReference());
    }
    return new Capture(output, activations);
  }

  @Override
  public void close() {
    unit.close();
  }
}
