package org.scorecam.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Activation functions that LibTorch has no module of, or none that works in place. A scorer takes
 * them, and LibTorch's own, as part of the convolution before them.
 */
public final class Activations {
  private Activations() {}

  /** x · σ(x), in place, as in torchvision. */
  public static final class SiLU extends Network {
    /** Makes the module. */
    public SiLU() {}

    @Override
    public Tensor forward(Tensor x) {
      return torch.silu_(x);
    }
  }

  /** x · min(max(x + 3, 0), 6) / 6, in place, as in torchvision. */
  public static final class Hardswish extends Network {
    /** Makes the module. */
    public Hardswish() {}

    @Override
    public Tensor forward(Tensor x) {
      return torch.hardswish_(x);
    }
  }

  /** min(max(x + 3, 0), 6) / 6. */
  public static final class Hardsigmoid extends Network {
    /** Makes the module. */
    public Hardsigmoid() {}

    @Override
    public Tensor forward(Tensor x) {
      return torch.hardsigmoid(x);
    }
  }
}
