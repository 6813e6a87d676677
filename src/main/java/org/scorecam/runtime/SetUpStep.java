package org.scorecam.runtime;

/**
 * Something that is set for the whole process when LibTorch was loaded, before anything is
 * computed. {@link LibTorch} takes the steps, its own and those that {@link
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
   * Sets it, if it is not switched off. Must not use anything that loads LibTorch.
   *
   * @return what was done, or why nothing was, in words
   * @throws IllegalArgumentException if a system property has a value that does not exist
   */
  String apply();
}
