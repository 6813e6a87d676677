package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.javacpp.Pointer;

/** Counts what JavaCPP tracks: native objects that were made and not freed yet. */
public final class NativeObjects {
  private static final int FIRST_RUNS = 2;
  private static final int RUNS = 3;

  private NativeObjects() {}

  /**
   * Asserts that work frees every native object and byte that it makes.
   *
   * @param work is run several times, the first ones to fill what is made once and kept: scorers,
   *     and then captures by them
   */
  public static void assertNoneLeftBy(Runnable work) {
    for (int run = 0; run < FIRST_RUNS; run++) {
      work.run();
    }
    long count = Pointer.totalCount();
    long bytes = Pointer.totalBytes();
    for (int run = 0; run < RUNS; run++) {
      work.run();
    }
    // Not "equal": the collector may take away what others left in the meantime.
    long moreCount = Pointer.totalCount() - count;
    long moreBytes = Pointer.totalBytes() - bytes;
    assertTrue(
        moreCount <= 0 && moreBytes <= 0,
        () ->
            "%d runs left %d native objects and %d bytes to the garbage collector"
                .formatted(RUNS, moreCount, moreBytes));
  }
}
