package org.scorecam;

import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.WeakHashMap;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;

/**
 * Decides how many masked inputs a chunk has, for one {@link ScoreCam}.
 *
 * <p>What was measured belongs to the network as it scores on its device, and is kept as long as
 * that: for each number of channels, and for each size of its inputs up to a factor of two in
 * pixels, so that inputs of ever new sizes are not measured one by one. Safe for several threads.
 */
final class ChunkPlanner {
  /** Of the memory that is available, what one chunk may take unless something else is said. */
  private static final int SHARE = 4;

  private static final Map<Scorer, Map<SizeClass, ChunkProfile>> PROFILES = new WeakHashMap<>();

  private final Device device;

  /** 0 for as many as are best. */
  private final long givenRows;

  private final long budget;

  /** Inputs that share a profile. */
  private record SizeClass(long channels, int pixelsLog2) {}

  private ChunkPlanner(Device device, long givenRows, long budget) {
    this.device = device;
    this.givenRows = givenRows;
    this.budget = budget;
  }

  /** Plans exactly so many rows, or fewer where there are fewer passes or did not fit. */
  static ChunkPlanner ofRows(Device device, long rows) {
    return new ChunkPlanner(device, rows, Long.MAX_VALUE);
  }

  /**
   * Plans the best rows whose chunk takes no more than the budget, if a chunk of one row does not.
   *
   * @param budget bytes; if nothing is said, a quarter of what the device has available now
   */
  static ChunkPlanner within(Device device, OptionalLong budget) {
    return new ChunkPlanner(device, 0, budget.orElseGet(() -> shareOf(device)));
  }

  private static long shareOf(Device device) {
    DeviceMemory memory = DeviceMemory.of(device);
    // What is kept for chunks to come is theirs, but counts as taken.
    memory.releaseKept();
    OptionalLong available = memory.available();
    return available.isPresent() ? available.getAsLong() / SHARE : Long.MAX_VALUE;
  }

  /**
   * Plans the chunks of a group of explanations.
   *
   * @param passes of the group if no channel shared one with another, so that the plan is the same
   *     for each group
   */
  ChunkPlan plan(Scorer scorer, long channels, long height, long width, long passes) {
    ChunkQuestion question = new ChunkQuestion(scorer, device, channels, height, width, budget);
    ChunkProfile profile = profileOf(question);
    return givenRows > 0
        ? profile.given(question, Math.min(givenRows, passes))
        : profile.plan(question, passes);
  }

  /** Remembers, for all who use the network, that a chunk of so many rows did not fit. */
  void tooMany(Scorer scorer, long channels, long height, long width, long rows) {
    ChunkQuestion question = new ChunkQuestion(scorer, device, channels, height, width, budget);
    profileOf(question).tooMany(question, rows);
  }

  private static ChunkProfile profileOf(ChunkQuestion question) {
    SizeClass size =
        new SizeClass(
            question.channels(), Long.SIZE - Long.numberOfLeadingZeros(question.pixels()));
    synchronized (PROFILES) {
      return PROFILES
          .computeIfAbsent(question.scorer(), scorer -> new HashMap<>())
          .computeIfAbsent(size, first -> new ChunkProfile());
    }
  }
}
