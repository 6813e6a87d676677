package org.scorecam.runtime;

/**
 * Something that is set for the whole process when LibTorch is loaded. {@link LibTorch} takes the
 * steps, its own and those that {@link java.util.ServiceLoader} finds.
 */
public interface SetUpStep {
  /** When a step has to be taken. */
  enum Moment {
    /** Before LibTorch is there to look at the environment. */
    BEFORE_LIBTORCH,
    /** When LibTorch is loaded, and before anything is computed. */
    AFTER_LIBTORCH
  }

  /**
   * What is set.
   *
   * @return a name for diagnostics
   */
  String name();

  /**
   * When it has to be set.
   *
   * @return the moment
   */
  Moment moment();

  /**
   * Sets it, if it is not switched off. Must not use anything that loads LibTorch.
   *
   * @return what was done, or why nothing was, in words
   * @throws IllegalArgumentException if a system property has a value that does not exist
   */
  String apply();
}
