package org.scorecam.model;

import java.util.Optional;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.graph.FixedInputs;
import org.scorecam.nn.Network;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * Runs a network of modules. Where weights are packed, as a {@linkplain TracedNetwork program of
 * its operators}, in which more can run together than modules; where there is no such program, with
 * {@linkplain ModuleFolding its modules folded}.
 *
 * <p>What it is is seen before the first chunk's pass. The network itself is not changed.
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

  /** Traces one row; what is taken for constant in it shows with two. */
  private Optional<FrozenScorer> programFor(InputShape shape) {
    FrozenScorer program = null;
    boolean same = false;
    try (NativeScope scope = NativeScope.open()) {
      Tensor rows = ProbeInput.of(device, shape.batchOf(2));
      JitModule traced = TracedNetwork.of(network, rows.narrow(0, 0, 1).clone());
      program = FrozenScorer.of(traced, kind, FixedInputs.none(traced));
      Tensor expected = TracedNetwork.call(network, rows.clone());
      Tensor chunk = Tensors.inFormat(rows.to(kind.precision().dtype()), kind.memoryFormat());
      try (ModelOutput actual = program.run(chunk.clone())) {
        same =
            actual.isTensor()
                && OutputAgreement.of(
                    expected, actual.tensor().to(ScalarType.Float), kind.precision());
      }
    } catch (RuntimeException e) {
      LOG.log(System.Logger.Level.DEBUG, "the network cannot be had as a program", e);
    }
    if (program != null && !same) {
      LOG.log(System.Logger.Level.DEBUG, "the network's program does not compute the same");
      program.close();
      return Optional.empty();
    }
    return Optional.ofNullable(program);
  }

  @Override
  void free() {
    if (way != null) {
      way.program.ifPresent(FrozenScorer::close);
      way.folding.ifPresent(ModuleFolding::close);
    }
  }
}
