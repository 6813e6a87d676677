package org.scorecam;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.ChunkPlan.Probe;
import org.scorecam.error.NativeErrors;
import org.scorecam.runtime.DeviceMemory;

/**
 * What is known of running one network on chunks of one input size: how fast each number of rows
 * is, and in {@link ChunkMemory} what it takes.
 *
 * <p>Chunks of 8, 16, 32, … rows are timed for as long as larger ones are faster: what each chunk
 * costs beside its rows is shared by twice as many, so that each doubling gains half of what the
 * one before gained. Nothing is measured twice, and only as much as pays: see {@link #PROBE_SHARE}.
 */
final class ChunkProfile {
  /** The rows that are taken where there are too few passes to find out better ones. */
  static final long USUAL_ROWS = 32;

  private static final long FIRST_ROWS = 8;
  private static final long LAST_ROWS = 512;
  private static final double NANOS_PER_MILLI = 1e6;

  /** The first of these prepares what the network keeps for each shape; the fastest counts. */
  private static final int RUNS = 2;

  /**
   * A probe may take this part of an explanation's passes, once for each network and input size.
   */
  private static final long PROBE_SHARE = 8;

  /** What a larger chunk must gain to be worth its memory. */
  private static final double GAIN = 0.02;

  private final ChunkMemory memory = new ChunkMemory();
  private final List<Probe> probes = new ArrayList<>();

  /** Rows that were run for the probes, but for what was run once more. */
  private long probedRows;

  /** Whether larger chunks have stopped to be faster. */
  private boolean settled;

  /**
   * The number of rows for so many passes. The first call, and one of more passes than before, may
   * run the network; other threads wait for it.
   */
  synchronized ChunkPlan plan(ChunkQuestion question, long passes) {
    probeWhatPays(question, passes);
    long fastest = fastest(question);
    long wanted = settled && fastest > 0 ? fastest : Math.max(USUAL_ROWS, fastest);
    long possible = possible(question);
    // What is only estimated may be far from what it takes.
    if (probes.isEmpty() && possible < Math.min(wanted, passes)) {
      probe(question, Math.min(FIRST_ROWS, possible));
      possible = possible(question);
    }
    long rows = spread(passes, Math.min(wanted, possible));
    ChunkPlan.Basis basis =
        possible < Math.min(wanted, passes)
            ? ChunkPlan.Basis.REDUCED
            : probes.isEmpty() ? ChunkPlan.Basis.FITTED : ChunkPlan.Basis.PROBED;
    return new ChunkPlan(
        rows, question.scorer().precision(), memory.bytes(question, rows), basis, probes);
  }

  /** A plan of exactly so many rows, but for those that were too many before. */
  synchronized ChunkPlan given(ChunkQuestion question, long rows) {
    long fitting = Math.min(rows, memory.fittingRows(question));
    return new ChunkPlan(
        fitting,
        question.scorer().precision(),
        memory.bytes(question, fitting),
        fitting < rows ? ChunkPlan.Basis.REDUCED : ChunkPlan.Basis.GIVEN,
        probes);
  }

  /** Remembers that so many rows did not fit. */
  synchronized void tooMany(ChunkQuestion question, long rows) {
    memory.tooMany(question, rows);
  }

  /** At most the limit, spread so that the last chunk is nearly full. */
  static long spread(long passes, long limit) {
    long chunks = (passes + limit - 1) / limit;
    return (passes + chunks - 1) / chunks;
  }

  private void probeWhatPays(ChunkQuestion question, long passes) {
    while (!settled) {
      long rows =
          probes.isEmpty()
              ? Math.min(FIRST_ROWS, possible(question))
              : 2 * probes.get(probes.size() - 1).rows();
      if (rows > possible(question) || probedRows + RUNS * rows > passes / PROBE_SHARE) {
        return;
      }
      probe(question, rows);
    }
  }

  private void probe(ChunkQuestion question, long rows) {
    DeviceMemory device = DeviceMemory.of(question.device());
    try {
      if (probes.isEmpty()) {
        // Compiles and prepares the network itself.
        perRow(question, rows, 1, device);
      }
      double[] millis = new double[1];
      OptionalLong bytes = device.peakOf(() -> millis[0] = perRow(question, rows, RUNS, device));
      double before = fastestMillis(Long.MAX_VALUE);
      if (!probes.isEmpty() && gain(before, millis[0]) < GAIN) {
        // Another process may have had the machine: once more before it counts.
        millis[0] = Math.min(millis[0], perRow(question, rows, RUNS, device));
      }
      settled = !probes.isEmpty() && gain(before, millis[0]) / 2 < GAIN;
      probes.add(new Probe(rows, millis[0], memory.add(question, rows, bytes)));
      probedRows += RUNS * rows;
    } catch (RuntimeException e) {
      if (!NativeErrors.isOutOfMemory(e)) {
        throw e;
      }
      memory.tooMany(question, rows);
      settled = true;
    } finally {
      // A larger chunk than the one that is taken must not stay in the process.
      device.releaseKept();
    }
  }

  private static double gain(double before, double after) {
    return 1 - after / before;
  }

  /** Runs the network on a black chunk; the fastest run in milliseconds for each row. */
  private static double perRow(ChunkQuestion question, long rows, int runs, DeviceMemory device) {
    double fastest = Double.POSITIVE_INFINITY;
    try (Tensor chunk =
        ChunkPool.allocate(question.chunkOf(rows), question.scorer(), question.device())) {
      chunk.zero_();
      for (int run = 0; run < runs; run++) {
        long start = System.nanoTime();
        question.scorer().score(chunk).close();
        device.finishWork();
        fastest = Math.min(fastest, (System.nanoTime() - start) / NANOS_PER_MILLI);
      }
    }
    return fastest / rows;
  }

  /** The smallest size that is nearly as fast as the fastest within the budget; 0 if none. */
  private long fastest(ChunkQuestion question) {
    long possible = possible(question);
    double limit = (1 + GAIN) * fastestMillis(possible);
    return probes.stream()
        .filter(probe -> probe.rows() <= possible && probe.millisPerRow() <= limit)
        .mapToLong(Probe::rows)
        .min()
        .orElse(0);
  }

  private double fastestMillis(long rows) {
    return probes.stream()
        .filter(probe -> probe.rows() <= rows)
        .mapToDouble(Probe::millisPerRow)
        .min()
        .orElse(Double.POSITIVE_INFINITY);
  }

  private long possible(ChunkQuestion question) {
    return memory.possibleRows(question, LAST_ROWS);
  }
}
