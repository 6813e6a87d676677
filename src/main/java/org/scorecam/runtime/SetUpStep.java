package org.scorecam.runtime;

/**
 * Something that is set for the whole process after LibTorch was loaded, and before it allocates or
 * computes anything. {@link LibTorch} takes the steps, its own and those that {@link
 * java.util.ServiceLoader} finds.
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
   * returned: must use nothing that calls it, and make no tensor.
   *
   * @return what was done, or why nothing was, in words
   * @throws IllegalArgumentException if a system property has a value that does not exist
   */
  String apply();

  /**
   * Gives back to the system what the setting has the process keep for tensors to come, if it does;
   * called any number of times after {@link #apply}.
   */
  default void releaseKept() {}
}
