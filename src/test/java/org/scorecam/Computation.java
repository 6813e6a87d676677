package org.scorecam;

import org.scorecam.runtime.CoreShare;

/** Something that keeps a core busy: sleeping takes no time by the clock that trials go by. */
public final class Computation {
  private Computation() {}

  /** Computes for as long on a core of its own, and longer on one that others have as well. */
  public static void ofMillis(double millis) {
    long end = CoreShare.nanoTime() + (long) (millis * 1e6);
    while (CoreShare.nanoTime() < end) {
      Thread.onSpinWait();
    }
  }
}
