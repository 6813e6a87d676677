package org.scorecam.model;

import java.util.Optional;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.graph.FixedInputs;
import org.scorecam.nn.Network;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/**
 * Runs a network of modules. Where weights are packed, as a {@linkplain TracedNetwork program of
 * its operators}, in which more can run together than modules; where there is no such program, with
 * {@linkplain ModuleFolding its modules folded}.
 *
 * <p>Which of the two is decided before the first chunk runs. The network itself is not changed.
 */
final class ModuleScorer extends NetworkScorer {
  private static final System.Logger LOG = System.getLogger(ModuleScorer.class.getName());

  private final Network network;
  private final Device device;
  private final Kind kind;

  /** Null before the first chunk. */
  private volatile Way way;

  /** One of the two. */
  private record Way(Optional<FrozenScorer> program, Optional<ModuleFolding> folding) {}

  ModuleScorer(Network network, Device device, Kind kind) {
    super(kind);
    this.network = network;
    this.device = device;
    this.kind = kind;
  }

  @Override
  ModelOutput run(Tensor chunk) {
    Way known = wayFor(chunk);
    if (known.program.isPresent()) {
      return known.program.get().run(chunk);
    }
    Tensor output = known.folding.orElseThrow().forOneRun().during(() -> network.call(chunk));
    return ModelOutput.of(output.<Tensor>retainReference());
  }

  @Override
  public Optional<Stem> stem() {
    return way == null ? Optional.empty() : way.program.flatMap(FrozenScorer::stem);
  }

  @Override
  Optional<FrozenScorer> program() {
    return way == null ? Optional.empty() : way.program.flatMap(FrozenScorer::program);
  }

  /** Whether it runs the network's modules, after a first chunk. */
  boolean runsModules() {
    return way.folding.isPresent();
  }

  private Way wayFor(Tensor chunk) {
    if (way == null) {
      synchronized (this) {
        if (way == null) {
          way = wayFor(InputShape.ofRowsIn(chunk));
        }
      }
    }
    return way;
  }

  private Way wayFor(InputShape shape) {
    Optional<FrozenScorer> program = kind.packed() ? programFor(shape) : Optional.empty();
    if (program.isPresent()) {
      return new Way(program, Optional.empty());
    }
    // Not a row of the chunk, which may be black: then nothing that differs would show.
    Tensor sample = ProbeInput.of(device, shape.batchOf(1));
    return new Way(program, Optional.of(ModuleFolding.of(network, sample, kind)));
  }

  /**
   * Traces one row. That the program does not depend on that row is tried on others, a black one
   * among them; whether it still computes the same when it is fused, trials show.
   */
  private Optional<FrozenScorer> programFor(InputShape shape) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor rows = ProbeInput.of(device, shape.batchOf(3));
      JitModule traced = TracedNetwork.of(network, rows.narrow(0, 0, 1).clone());
      rows.select(0, 2).zero_();
      Tensor expected = TracedNetwork.call(network, rows.clone());
      Tensor actual = traced.forward(new IValueVector(new IValue(rows))).toTensor();
      if (OutputAgreement.of(expected, actual, Precision.FLOAT32)) {
        return Optional.of(FrozenScorer.of(traced, kind, FixedInputs.none(traced)));
      }
      LOG.log(System.Logger.Level.DEBUG, "the network's program does not compute the same");
    } catch (NativeMemoryException e) {
      throw e;
    } catch (RuntimeException e) {
      LOG.log(System.Logger.Level.DEBUG, "the network cannot be had as a program", e);
    }
    return Optional.empty();
  }

  @Override
  void free() {
    if (way != null) {
      way.program.ifPresent(FrozenScorer::close);
      way.folding.ifPresent(ModuleFolding::close);
    }
  }
}
