package org.scorecam;

import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Some masked inputs of one explanation, on which precisions are compared. */
final class PrecisionProbe {
  /** Pearson's correlation that a map must reach with float32's. */
  static final double LEAST_CORRELATION = 0.99;

  /** Spread over all channels; enough for a map that is like the whole one. */
  private static final int PASSES = 16;

  private static final int ROWS = 4;
  private static final double NANOS_PER_MILLI = 1e6;

  private final Explanation explanation;
  private final Device device;
  private final long[] inputShape;
  private final int[] passes;

  /**
   * Chooses the masked inputs.
   *
   * @param explanation with at least one pass
   * @param inputShape [C, H, W]
   */
  PrecisionProbe(Explanation explanation, Device device, long... inputShape) {
    this.explanation = explanation;
    this.device = device;
    int count = Math.min(PASSES, explanation.passes());
    this.inputShape = inputShape.clone();
    this.passes = new int[count];
    for (int i = 0; i < count; i++) {
      passes[i] = (int) ((long) i * explanation.passes() / count);
    }
  }

  /**
   * What one scorer made of them.
   *
   * @param passes how many they are
   * @param millisPerRow the network's time for one of them
   * @param map [H, W], which these masked inputs alone give
   */
  record Result(int passes, double millisPerRow, Tensor map) implements AutoCloseable {
    /** Why this is no replacement for another result, in words; nothing if it is one. */
    Optional<String> flawAgainst(Result exact) {
      MapAgreement agreement = MapAgreement.of(Tensors.toArray(exact.map), Tensors.toArray(map));
      double correlation = agreement.correlation();
      if (!(correlation >= LEAST_CORRELATION || agreement.largestDifference() == 0)) {
        return Optional.of(
            "the map of %d masked inputs of this input correlates %.4f with that of float32; at least %.2f is needed"
                .formatted(passes, correlation, LEAST_CORRELATION));
      }
      return millisPerRow < exact.millisPerRow
          ? Optional.empty()
          : Optional.of(
              "on this machine it takes %.2f ms for a masked input, float32 %.2f"
                  .formatted(millisPerRow, exact.millisPerRow));
    }

    @Override
    public void close() {
      map.close();
    }
  }

  /** Scores them, in smaller chunks where there is no memory; the result is owned by the caller. */
  Result run(Scorer scorer) {
    for (int rows = Math.min(ROWS, passes.length); ; rows /= 2) {
      try {
        return run(scorer, rows);
      } catch (NativeMemoryException e) {
        if (rows == 1) {
          throw e;
        }
      } finally {
        DeviceMemory.of(device).releaseKept();
      }
    }
  }

  private Result run(Scorer scorer, int rows) {
    float[] scoreOfPass = new float[explanation.passes()];
    Arrays.fill(scoreOfPass, Float.NaN);
    long[] shape = {rows, inputShape[0], inputShape[1], inputShape[2]};
    try (NativeScope scope = NativeScope.open();
        Tensor chunk = ChunkPool.allocate(shape, scorer, device)) {
      // Prepares what the network keeps for each shape.
      scorer.score(chunk.zero_()).close();
      double fastest = Double.POSITIVE_INFINITY;
      for (int first = 0; first < passes.length; first += rows) {
        int count = Math.min(rows, passes.length - first);
        for (int row = 0; row < count; row++) {
          explanation.writeMaskedInputs(passes[first + row], 1, chunk.narrow(0, row, 1));
        }
        long start = System.nanoTime();
        try (ModelOutput output = scorer.score(chunk)) {
          float[] scores = Tensors.toArray(explanation.scoresOf(output, 0, count));
          fastest = Math.min(fastest, (System.nanoTime() - start) / NANOS_PER_MILLI);
          for (int row = 0; row < count; row++) {
            scoreOfPass[passes[first + row]] = scores[row];
          }
        }
      }
      return new Result(passes.length, fastest / rows, scope.keep(explanation.mapOf(scoreOfPass)));
    }
  }
}
