package org.scorecam.model;

/** Which state of a layer's output is captured, where the network later changes it in place. */
public enum CaptureMoment {
  /**
   * The output as it was when the layer returned it: what a hook sees while it runs, and what a
   * hook that clones keeps.
   */
  AT_CALL,
  /**
   * The output as it stands when the forward pass has ended. An in-place operation after the layer,
   * such as {@code relu_}, shows in it: what a hook that keeps a reference finds there later, as
   * the hooks of the published implementations do.
   */
  AFTER_PASS
}
