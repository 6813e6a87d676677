package org.scorecam;

import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
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
  private static final int PASSES = 32;

  private static final int RUNS = 2;
  private static final double NANOS_PER_MILLI = 1e6;

  private final Explanation explanation;
  private final Device device;
  private final long[] shape;
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
    this.shape = new long[] {count, inputShape[0], inputShape[1], inputShape[2]};
    this.passes = new int[count];
    for (int i = 0; i < count; i++) {
      passes[i] = (int) ((long) i * explanation.passes() / count);
    }
  }

  /**
   * What one scorer made of them.
   *
   * @param rows how many they are
   * @param map [H, W], which these masked inputs alone give
   */
  record Result(int rows, double millisPerRow, Tensor map) implements AutoCloseable {
    /** Why this is no replacement for another result, in words; nothing if it is one. */
    Optional<String> flawAgainst(Result exact) {
      MapAgreement agreement = MapAgreement.of(Tensors.toArray(exact.map), Tensors.toArray(map));
      double correlation = agreement.correlation();
      if (!(correlation >= LEAST_CORRELATION || agreement.largestDifference() == 0)) {
        return Optional.of(
            "the map of %d masked inputs of this input correlates %.4f with that of float32; at least %.2f is needed"
                .formatted(rows, correlation, LEAST_CORRELATION));
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

  /** Scores them; the result is owned by the caller. */
  Result run(Scorer scorer) {
    try (NativeScope scope = NativeScope.open();
        Tensor chunk = ChunkPool.allocate(shape, scorer, device)) {
      for (int row = 0; row < passes.length; row++) {
        explanation.writeMaskedInputs(passes[row], 1, chunk.narrow(0, row, 1));
      }
      float[] scores = new float[0];
      double fastest = Double.POSITIVE_INFINITY;
      // The first run prepares what the network keeps for each shape.
      for (int run = 0; run <= RUNS; run++) {
        long start = System.nanoTime();
        try (ModelOutput output = scorer.score(chunk)) {
          scores = Tensors.toArray(explanation.scoresOf(output, 0, passes.length));
        }
        double millis = (System.nanoTime() - start) / NANOS_PER_MILLI;
        fastest = run == 0 ? fastest : Math.min(fastest, millis);
      }
      float[] scoreOfPass = new float[explanation.passes()];
      Arrays.fill(scoreOfPass, Float.NaN);
      for (int row = 0; row < passes.length; row++) {
        scoreOfPass[passes[row]] = scores[row];
      }
      return new Result(
          passes.length, fastest / passes.length, scope.keep(explanation.mapOf(scoreOfPass)));
    } finally {
      DeviceMemory.of(device).releaseKept();
    }
  }
}
