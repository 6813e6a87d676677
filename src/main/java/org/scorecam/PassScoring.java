package org.scorecam;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/**
 * Has the masked inputs of explanations scored, for one {@link ScoreCam}: chooses the scorer by its
 * precision and the rows of the chunks, lends their memory to each {@link ChunkedScoring}, and
 * remembers what did not fit. Safe for several threads.
 */
final class PassScoring implements AutoCloseable {
  private final Device device;
  private final PrecisionChoice precision;
  private final ChunkPlanner planner;
  private final ProgressListener progress;
  private final ChunkPool chunks = new ChunkPool();
  private volatile boolean closed;

  PassScoring(
      Device device, PrecisionChoice precision, ChunkPlanner planner, ProgressListener progress) {
    this.device = device;
    this.precision = precision;
    this.planner = planner;
    this.progress = progress;
  }

  /** The scorer as far as its precision is decided. */
  Scorer scorer(long channels, long height, long width) {
    requireOpen();
    return precision.scorer(channels, height, width);
  }

  /** The chunks for so many passes with inputs of a size. */
  ChunkPlan plan(long passes, long channels, long height, long width) {
    return planner.plan(scorer(channels, height, width), channels, height, width, passes);
  }

  /**
   * Scores all passes of some explanations.
   *
   * @param images [N, C, H, W], which they explain
   * @param passes of them all, if no channel shared one with another
   * @return the chunks that it was done with in the end
   */
  ChunkPlan score(List<Explanation> explanations, Tensor images, long passes) {
    long[] shape = images.shape();
    Scorer scorer = precision.scorer(explanations, shape[1], shape[2], shape[3]);
    ChunkPlan plan = planner.plan(scorer, shape[1], shape[2], shape[3], passes);
    shape[0] = plan.rows();
    long rows = new ChunkedScoring(explanations, scorer, device, chunks, progress).run(shape);
    for (long tooMany = plan.rows(); tooMany > rows; tooMany /= 2) {
      planner.tooMany(scorer, shape[1], shape[2], shape[3], tooMany);
    }
    return plan.reducedTo(rows);
  }

  /** Plans chunks for so many passes, and runs a black one; of fewer rows where it does not fit. */
  ChunkPlan warmUp(long passes, long channels, long height, long width) {
    Scorer scorer = scorer(channels, height, width);
    ChunkPlan plan = planner.plan(scorer, channels, height, width, passes);
    try {
      runBlackChunk(scorer, plan.rows(), channels, height, width);
      return plan;
    } catch (NativeMemoryException e) {
      if (plan.rows() == 1) {
        throw e;
      }
      planner.tooMany(scorer, channels, height, width, plan.rows());
      return warmUp(passes, channels, height, width);
    }
  }

  private void runBlackChunk(Scorer scorer, long... shape) {
    Tensor chunk = chunks.take(shape, scorer, device);
    try (NativeScope scope = NativeScope.open()) {
      scorer.score(chunk.zero_()).close();
    } catch (RuntimeException | Error e) {
      chunk.close();
      throw e;
    }
    chunks.giveBack(chunk);
  }

  /** Makes sure that it is open, and that its precision was not refused before. */
  void requireUsable() {
    requireOpen();
    precision.requireNotRefused();
  }

  void requireOpen() {
    if (closed) {
      throw new IllegalStateException("this ScoreCam is closed");
    }
  }

  @Override
  public void close() {
    closed = true;
    chunks.close();
  }
}
