package org.scorecam.kernel;

import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.NativeLibraryException;
import org.scorecam.runtime.NativeScope;

/**
 * The operators that a computation calls, written down as a TorchScript graph by LibTorch's tracer,
 * which the presets do not bind.
 */
public final class OperatorTrace implements AutoCloseable {
  private static final String LIBTORCH = LibTorchFile.path();

  private final Kernels kernels;

  /** Holds the graph; of no address before there is one. */
  private final Pointer state = new Pointer();

  private OperatorTrace(Kernels kernels) {
    this.kernels = kernels;
  }

  /**
   * Runs a computation on this thread, and writes down what it does with its input. Sizes of
   * tensors become constants of the graph, and so does every tensor that is neither the input nor
   * computed by an operator.
   *
   * @param input what the computation is given; it may work in place on it
   * @param constants what it computes with, of which some may require gradients; the graph shares
   *     their memory
   * @param computation calls operators of LibTorch's
   * @return the graph, from one tensor to one; owned by the caller
   * @throws NativeLibraryException if the computation calls an operator that tells it of the
   *     numbers in a tensor, on which its next calls may depend (numbers that it reads at a
   *     tensor's address go unnoticed); if there is no tracer, or no native library; what the
   *     computation throws passes unchanged
   */
  public static Graph of(Tensor input, List<Tensor> constants, Supplier<Tensor> computation) {
    Kernels kernels = Kernels.cpu();
    try (NativeScope scope = NativeScope.open();
        OperatorTrace trace = new OperatorTrace(kernels)) {
      List<Tensor> detached = constants.stream().map(Tensor::detach).toList();
      Tensor any = torch.empty(0);
      kernels.check(CpuBinding.scorecam_begin_trace(LIBTORCH, trace.state));
      Graph graph;
      try {
        // What the tracer does not know yet it makes a constant, and so tells of its graph.
        graph = trace.valueOf(any).owningGraph();
        for (int i = 0; i < constants.size(); i++) {
          trace.tell(constants.get(i), graph.insertConstant(new IValue(detached.get(i))));
        }
        trace.tell(input, graph.addInput("input"));
        graph.registerOutput(trace.valueOf(computation.get()));
      } catch (RuntimeException | Error e) {
        // What it finds is no news any more.
        CpuBinding.scorecam_end_trace(LIBTORCH, trace.state);
        throw e;
      }
      kernels.check(CpuBinding.scorecam_end_trace(LIBTORCH, trace.state));
      return scope.keep(graph.copy());
    }
  }

  private void tell(Tensor tensor, Value standsForIt) {
    kernels.check(CpuBinding.scorecam_set_traced(LIBTORCH, new IValue(tensor), standsForIt));
  }

  private Value valueOf(Tensor tensor) {
    Pointer found = new Pointer();
    kernels.check(CpuBinding.scorecam_get_traced(LIBTORCH, new IValue(tensor), found));
    return new Value(found);
  }

  @Override
  public void close() {
    CpuBinding.scorecam_free_trace(state);
  }
}
