package org.scorecam.bench;

import java.util.Optional;

/**
 * One run of a contestant.
 *
 * @param seconds that it took
 * @param passes masked inputs that the network ran
 * @param stages where the time went, where that is known
 */
public record Lap(double seconds, long passes, Optional<StageTimes> stages) {
  private static final double NANOSECONDS = 1e9;

  /**
   * A lap without stages.
   *
   * @param start {@link System#nanoTime} when it began; it ends now
   * @param passes masked inputs that the network ran
   * @return the lap
   */
  static Lap since(long start, long passes) {
    return new Lap((System.nanoTime() - start) / NANOSECONDS, passes, Optional.empty());
  }
}
