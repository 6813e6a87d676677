package org.scorecam.zoo;

import java.util.List;
import org.bytedeco.pytorch.IdentityImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * The block of MobileNets and EfficientNets: F widens, filters, and narrows without an activation;
 * y = F(x) + x, or F(x) alone where it changes the size.
 */
final class InvertedResidual extends Network {
  private final Submodule residual;
  private final boolean shortcut;
  private Submodule stochasticDepth;

  /** Whether the sum takes the place of F(x), which a hook on F that keeps its output would see. */
  private boolean inPlace = true;

  /**
   * Builds.
   *
   * @param name what the family calls F
   * @param steps of F
   * @param shortcut whether x is added
   */
  InvertedResidual(String name, List<Module> steps, boolean shortcut) {
    residual = child(name, new SequentialNetwork(steps.toArray(Module[]::new)));
    this.shortcut = shortcut;
  }

  /** Drops nothing here, since nothing is dropped in evaluation; there to be hooked. */
  InvertedResidual withStochasticDepth() {
    stochasticDepth = child("stochastic_depth", new IdentityImpl());
    return this;
  }

  /** Leaves F(x) as it is, as torchvision's MobileNetV2 does, in contrast to its others. */
  InvertedResidual addingApart() {
    inPlace = false;
    return this;
  }

  @Override
  public Tensor forward(Tensor x) {
    Tensor y = residual.forward(x);
    if (!shortcut) {
      return y;
    }
    if (stochasticDepth != null) {
      y = stochasticDepth.forward(y);
    }
    return inPlace ? y.add_(x) : y.add(x);
  }
}
