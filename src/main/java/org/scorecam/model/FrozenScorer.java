package org.scorecam.model;

import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.ModelException;
import org.scorecam.runtime.NativeErrors;
import org.scorecam.runtime.NativeScope;

/** A frozen copy of a TorchScript network: parameters are constants, batch norms are folded. */
final class FrozenScorer extends NetworkScorer {
  private final JitModule frozen;

  private FrozenScorer(JitModule frozen, Device device) {
    super(device);
    this.frozen = frozen;
  }

  /** Freezes a copy; the module itself stays as it is. */
  static FrozenScorer of(JitModule module, Device device) {
    try (NativeScope scope = NativeScope.open()) {
      JitModule frozen =
          NativeErrors.translate(
              () -> torch.freeze(module),
              (words, e) -> new ModelException("the network cannot be frozen: " + words, e));
      return new FrozenScorer(scope.keep(frozen), device);
    }
  }

  @Override
  ModelOutput run(Tensor chunk) {
    return ModelOutput.of(frozen.forward(new IValueVector(new IValue(chunk))));
  }

  @Override
  void free() {
    frozen.close();
  }
}
