package org.scorecam.zoo;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.nn.Network;

/** Activation functions that LibTorch has no module of, or none that works in place. */
final class Activations {
  private Activations() {}

  /** x · σ(x), in place, as in torchvision. */
  static final class SiLU extends Network {
    @Override
    public Tensor forward(Tensor x) {
      return torch.silu_(x);
    }
  }

  /** x · min(max(x + 3, 0), 6) / 6, in place, as in torchvision. */
  static final class Hardswish extends Network {
    @Override
    public Tensor forward(Tensor x) {
      return torch.hardswish_(x);
    }
  }

  /** min(max(x + 3, 0), 6) / 6. */
  static final class Hardsigmoid extends Network {
    @Override
    public Tensor forward(Tensor x) {
      return torch.hardsigmoid(x);
    }
  }
}
