package org.scorecam.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;
import org.scorecam.ProgressListener;

/**
 * One progress of several explainers that work side by side: what they have scored together.
 *
 * <p>An explanation that is over stays counted while others are under way, so that the sum does not
 * fall when its explainer goes on with the next. When all are over, counting starts anew.
 */
final class SummedProgress {
  private final ProgressListener sum;
  private final List<Part> parts = new ArrayList<>();

  /** Masked inputs of explanations that are over, but for the last of each part. */
  private long over;

  /**
   * Without any parts.
   *
   * @param sum is told; never by two threads at once
   */
  SummedProgress(ProgressListener sum) {
    this.sum = sum;
  }

  /** For one of the explainers. */
  synchronized ProgressListener addPart() {
    Part part = new Part();
    parts.add(part);
    return part;
  }

  private final class Part implements ProgressListener {
    private long scored;
    private long total;

    @Override
    public void onProgress(long scoredNow, long totalNow) {
      synchronized (SummedProgress.this) {
        if (scored == total) {
          over += total;
        }
        // One that broke off does not count.
        scored = scoredNow;
        total = totalNow;
        tell();
      }
    }
  }

  private void tell() {
    long scored = over + sumOf(part -> part.scored);
    long total = over + sumOf(part -> part.total);
    if (scored == total) {
      over = 0;
      parts.forEach(part -> part.scored = part.total = 0);
    }
    sum.onProgress(scored, total);
  }

  private long sumOf(ToLongFunction<Part> count) {
    return parts.stream().mapToLong(count).sum();
  }
}
