package org.scorecam.nn;

import org.bytedeco.pytorch.Tensor;

/** Runs before a module's forward: PyTorch's {@code register_forward_pre_hook}. */
@FunctionalInterface
public interface ModulePreHook {
  /**
   * Called at every call of the module, on the thread that calls it. What it throws ends the
   * forward pass and reaches its caller.
   *
   * @param module about to be called
   * @param input of the module, or what an earlier hook made of it
   * @return null to leave the input as it is, or a tensor to put in its place, which stays its
   *     owner's
   */
  Tensor beforeForward(Submodule module, Tensor input);
}
