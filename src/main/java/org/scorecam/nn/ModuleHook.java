package org.scorecam.nn;

import org.bytedeco.pytorch.Tensor;

/** Runs after a module's forward: PyTorch's {@code register_forward_hook}. */
@FunctionalInterface
public interface ModuleHook {
  /**
   * Called at every call of the module, on the thread that calls it. What it throws ends the
   * forward pass and reaches its caller.
   *
   * @param module that was called
   * @param input as the module saw it
   * @param output of the module, or what an earlier hook made of it; keep a clone of it rather than
   *     itself, since the network frees it and may change it in place. A hook that makes tensors
   *     does so in a scope that closes with the forward pass: {@code clone().retainReference()}
   *     outlives it
   * @return null to leave the output as it is, or a tensor to put in its place, which stays its
   *     owner's
   */
  Tensor afterForward(Submodule module, Tensor input, Tensor output);
}
