package org.scorecam.model;

import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.graph.FixedInputs;
import org.scorecam.runtime.Device;

/** Captures some layers of a TorchScript network as it is. */
final class LayerCapture implements AutoCloseable {
  private final JitModule module;
  private final Watch watch;
  private final Device device;
  private final FixedInputs inputs;
  private final HookedFunction plain;

  /** The same for passes with gradients; null before the first. */
  private HookedFunction attached;

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

  /** Runs the network; needs an open scope, which the capture outlives. */
  Capture run(Tensor input) {
    boolean cpu = device.type() == Device.Type.CPU;
    return Capture.of(cpu ? plain.runOperators(input) : plain.run(input), watch.layers());
  }

  /**
   * Runs the network with gradients on, and captures what its output is computed from; needs an
   * open scope, which the capture outlives.
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

  @Override
  public void close() {
    if (attached != null) {
      attached.close();
    }
    plain.close();
  }
}
