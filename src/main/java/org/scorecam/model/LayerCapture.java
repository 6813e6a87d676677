package org.scorecam.model;

import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.graph.FixedInputs;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * Captures some layers of a TorchScript network: with the network as it is, or, after many inputs
 * in batches, with one that is prepared as a scorer is, if that is faster and captures the same.
 *
 * <p>A hooked network is like any other, but for its output: the tuple of a {@link HookedGraph}. So
 * it can be frozen and packed, and {@link ScorerTrials} can compare.
 */
final class LayerCapture implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(LayerCapture.class.getName());

  /**
   * Preparing takes as long as it spares for a hundred inputs or two; whoever has captured so many
   * will likely capture those.
   */
  private static final long INPUTS_BEFORE_PREPARING = 64;

  private final JitModule module;
  private final Watch watch;
  private final Device device;
  private final FixedInputs inputs;
  private final HookedFunction plain;
  private final AtomicLong inputsInBatches = new AtomicLong();

  /** The same for passes with gradients; null before the first. */
  private HookedFunction attached;

  /** What batches go through; null as long as nothing was tried. */
  private volatile NetworkScorer fastest;

  /**
   * Rewrites the network's forward.
   *
   * @param module the network; must stay open, as must the inputs
   */
  LayerCapture(JitModule module, Watch watch, Device device, FixedInputs inputs) {
    this.module = module;
    this.watch = watch;
    this.device = device;
    this.inputs = inputs;
    this.plain = HookedFunction.of(module, watch, inputs);
  }

  /**
   * Runs the network as it is, with gradients on, and captures what its output is computed from;
   * needs an open scope, which the capture outlives.
   */
  Capture runAttached(Tensor input) {
    return Capture.of(attached().runOperators(input), watch.layers());
  }

  private synchronized HookedFunction attached() {
    if (attached == null) {
      attached = HookedFunction.attached(module, watch, inputs);
    }
    return attached;
  }

  /** Runs the network as it is; needs an open scope, which the capture outlives. */
  Capture run(Tensor input) {
    return Capture.of(runPlain(input), watch.layers());
  }

  private ModelOutput runPlain(Tensor input) {
    return device.type() == Device.Type.CPU ? plain.runOperators(input) : plain.run(input);
  }

  /** The same in the fastest way; needs an open scope, which the capture outlives. */
  Capture runBatch(Tensor batch) {
    NetworkScorer known = fastest;
    if (known != null) {
      return Capture.of(known.score(Tensors.inFormat(batch, known.memoryFormat())), watch.layers());
    }
    Capture capture = run(batch);
    if (device.type() == Device.Type.CPU) {
      long before = inputsInBatches.getAndAdd(batch.size(0));
      // One thread alone gets there; the others go on as before while it prepares.
      if (before < INPUTS_BEFORE_PREPARING && before + batch.size(0) >= INPUTS_BEFORE_PREPARING) {
        prepareFor(InputShape.ofRowsIn(batch), capture);
      }
    }
    return capture;
  }

  /** Chooses the fastest way for inputs as in a batch; closes what was captured if it cannot. */
  private void prepareFor(InputShape inputShape, Capture capture) {
    NetworkScorer.Kind kind = NetworkScorer.Kind.plain(Precision.FLOAT32, device);
    List<Supplier<NetworkScorer>> candidates =
        List.of(() -> asItIs(kind), () -> packed(module, watch, inputs));
    try {
      fastest = ScorerTrials.of(candidates, inputShape, device);
    } catch (RuntimeException e) {
      LOG.log(System.Logger.Level.DEBUG, "batches are captured with the network as it is", e);
      fastest = asItIs(kind);
    } catch (Error e) {
      capture.close();
      throw e;
    }
  }

  /** Single inputs still go through it when this is closed. */
  private NetworkScorer asItIs(NetworkScorer.Kind kind) {
    return NetworkScorer.lent(kind, this::runPlain);
  }

  /** Freezes a hooked copy and packs its weights, on the CPU; the module stays as it is. */
  static NetworkScorer packed(JitModule module, Watch watch, FixedInputs inputs) {
    // As in TorchScriptModel.scorerOf: copies register their classes with the module's.
    synchronized (module) {
      try (NativeScope scope = NativeScope.open()) {
        // With a class of its own, but the same parameters.
        JitModule hooked = module.clone(true);
        HookedGraph.in(hooked, watch);
        return FrozenScorer.of(
            hooked,
            NetworkScorer.Kind.plain(Precision.FLOAT32, Device.cpu()).withPackedWeights(),
            inputs);
      }
    }
  }

  @Override
  public void close() {
    if (fastest != null) {
      fastest.close();
    }
    if (attached != null) {
      attached.close();
    }
    plain.close();
  }
}
