package org.scorecam.runtime;

import java.util.OptionalLong;

/**
 * Something that is set for the whole process after LibTorch was loaded, and before it allocates or
 * computes anything. {@link LibTorch} takes those that {@link java.util.ServiceLoader} finds,
 * unless {@link LibTorchSettings#SET_UP} is off.
 */
public interface SetUpStep {
  /**
   * What is set.
   *
   * @return a name for diagnostics
   */
  String name();

  /**
   * Sets it, if it is not switched off. LibTorch is loaded, but {@link LibTorch#load} has not
   * returned: must use nothing that calls it, and make no tensor before the allocator is set.
   *
   * @param settings that are in force
   * @return what was done, or why nothing was, in words
   */
  String apply(LibTorchSettings settings);

  /**
   * Gives back to the system what the setting has the process keep for tensors to come, if it does;
   * called any number of times after {@link #apply}.
   */
  default void releaseKept() {}

  /** Begins to measure anew how much memory tensors take, if the setting makes that known. */
  default void forgetPeak() {}

  /**
   * The most memory that tensors on the CPU had since {@link #forgetPeak}, above what they had
   * then.
   *
   * @return bytes, or nothing if the setting does not make that known
   */
  default OptionalLong peak() {
    return OptionalLong.empty();
  }
}
