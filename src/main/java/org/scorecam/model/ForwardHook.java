package org.scorecam.model;

import org.bytedeco.pytorch.Tensor;

/**
 * Sees what a layer put out, like a forward hook in PyTorch.
 *
 * <p>What it throws reaches the caller of {@link HookedModel#forward}; the model stays usable.
 */
@FunctionalInterface
public interface ForwardHook {
  /**
   * Called once for each forward pass, with the layer's last call in it.
   *
   * @param layer the dotted path that the hook was registered for
   * @param output the layer's output as it was at the call, on the model's device; freed when the
   *     forward pass returns, so clone what is to be kept
   */
  void onForward(String layer, Tensor output);
}
