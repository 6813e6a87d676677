package org.scorecam.nn;

/** A registered hook; closing it removes the hook. Closing it again does nothing. */
@FunctionalInterface
public interface HookHandle extends AutoCloseable {
  /** Removes the hook: forward passes that start from now on do not call it. */
  @Override
  void close();
}
