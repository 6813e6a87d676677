package org.scorecam.scoring;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.model.InputShape;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.NativeScope;
import org.scorecam.runtime.TimedWork;
import org.scorecam.tensor.Tensors;

/**
 * Compares a reduced precision with float32 on some masked inputs of one image: whether their
 * scores lead to the same result, and which of the two is faster.
 */
final class PrecisionTrial {
  /** Pearson's correlation that a result must reach with float32's. */
  static final double LEAST_CORRELATION = 0.99;

  /** Spread over all; enough for a result that is like the whole one. */
  private static final int PASSES = 16;

  /** Scored at a time, where there is memory for them. */
  static final int ROWS = 4;

  /** The scorers take turns so often over all these passes, unless it is clear before. */
  private static final int ROUNDS = 3;

  /** What is so many times faster or slower is clear. */
  private static final double CLEAR = 1.2;

  private static final double NANOS_PER_MILLI = 1e6;

  private final MaskedInputs inputs;
  private final Device device;
  private final InputShape shape;
  private final int most;
  private final int[] passes;

  /**
   * Chooses the masked inputs.
   *
   * @param inputs of which there is at least one
   * @param rows that are scored at a time
   */
  PrecisionTrial(MaskedInputs inputs, Device device, InputShape shape, int rows) {
    this.inputs = inputs;
    this.device = device;
    this.shape = shape;
    this.most = rows;
    int count = Math.min(PASSES, inputs.passes());
    this.passes = new int[count];
    for (int i = 0; i < count; i++) {
      passes[i] = (int) ((long) i * inputs.passes() / count);
    }
  }

  /**
   * What was found of a reduced precision.
   *
   * @param passes how many masked inputs were tried
   * @param correlation of the results with float32's; nothing where these inputs cannot tell
   * @param exactMillis float32's time for a masked input, the median of those measured
   * @param reducedMillis the same of the reduced precision
   */
  record Finding(int passes, OptionalDouble correlation, double exactMillis, double reducedMillis) {
    /** Why the precision must not be used, in words; nothing if that was not found. */
    Optional<String> disagreement() {
      return correlation.isPresent() && !(correlation.getAsDouble() >= LEAST_CORRELATION)
          ? Optional.of(
              "the map of %d masked inputs of this input correlates %.4f with that of float32; at least %.2f is needed"
                  .formatted(passes, correlation.getAsDouble(), LEAST_CORRELATION))
          : Optional.empty();
    }

    /** Why the precision is not worth using, in words; nothing if it is. */
    Optional<String> drawback() {
      if (correlation.isEmpty()) {
        return Optional.of(
            "%d masked inputs of this input do not show how exact it is".formatted(passes));
      }
      return reducedMillis < exactMillis
          ? Optional.empty()
          : Optional.of(
              "on this machine it takes %.2f ms for a masked input, float32 %.2f"
                  .formatted(reducedMillis, exactMillis));
    }
  }

  /** One scorer's part in the trial. */
  private static final class Runner implements AutoCloseable {
    private final Scorer scorer;
    private final Tensor chunk;

    /** By pass; null for those that are not tried. */
    private final float[][] scores;

    private final List<Double> millis = new ArrayList<>();

    private Runner(Scorer scorer, Tensor chunk, int passes) {
      this.scorer = scorer;
      this.chunk = chunk;
      this.scores = new float[passes][];
    }

    private double medianMillis() {
      return millis.stream().sorted().skip(millis.size() / 2).findFirst().orElseThrow();
    }

    @Override
    public void close() {
      chunk.close();
    }
  }

  /** Runs both, in smaller chunks where there is no memory. */
  Finding compare(Scorer exact, Scorer reduced) {
    for (int rows = Math.min(most, passes.length); ; rows /= 2) {
      try {
        return compare(exact, reduced, rows);
      } catch (NativeMemoryException e) {
        if (rows == 1) {
          throw e;
        }
      } finally {
        DeviceMemory.of(device).releaseKept();
      }
    }
  }

  private Finding compare(Scorer exact, Scorer reduced, int rows) {
    try (NativeScope scope = NativeScope.open();
        TimedWork work = TimedWork.on(device);
        Runner exactly = runner(exact, rows);
        Runner roughly = runner(reduced, rows)) {
      double ratio = 1;
      for (int round = 0; round < ROUNDS && ratio < CLEAR && 1 / ratio < CLEAR; round++) {
        for (int first = 0; first < passes.length; first += rows) {
          run(exactly, first, rows, work);
          run(roughly, first, rows, work);
        }
        ratio = roughly.medianMillis() / exactly.medianMillis();
      }
      return new Finding(
          passes.length,
          inputs.correlation(exactly.scores, roughly.scores),
          exactly.medianMillis() / rows,
          roughly.medianMillis() / rows);
    }
  }

  private Runner runner(Scorer scorer, int rows) {
    Tensor chunk = ChunkPool.allocate(shape.batchOf(rows), scorer, device);
    try {
      // Prepares what the network keeps for each shape.
      scorer.score(chunk).close();
    } catch (RuntimeException | Error e) {
      chunk.close();
      throw e;
    }
    return new Runner(scorer, chunk, inputs.passes());
  }

  private void run(Runner runner, int first, int rows, TimedWork work) {
    int count = Math.min(rows, passes.length - first);
    try (NativeScope scope = NativeScope.open()) {
      for (int row = 0; row < count; row++) {
        inputs.write(passes[first + row], 1, runner.chunk.narrow(0, row, 1));
      }
      long start = work.nanoTime();
      try (ModelOutput output = runner.scorer.score(runner.chunk)) {
        runner.millis.add((work.nanoTime() - start) / NANOS_PER_MILLI);
        float[] scores = Tensors.toArray(inputs.scoresOf(output, 0, count));
        int targets = scores.length / count;
        for (int row = 0; row < count; row++) {
          runner.scores[passes[first + row]] =
              Arrays.copyOfRange(scores, row * targets, (row + 1) * targets);
        }
      }
    }
  }
}
