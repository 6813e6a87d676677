package org.scorecam;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.ChunkPlan.Probe;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.NativeErrors;

/**
 * What is known of running one network on chunks of one input size: how fast each number of rows
 * is, and how much memory it takes.
 *
 * <p>Chunks of 4, 8, 16, … rows are timed for as long as larger ones are faster: what each chunk
 * costs beside its rows is shared by twice as many, so that each doubling gains half of what the
 * one before gained. Nothing is measured twice, and only as much as pays: see {@link #PROBE_SHARE}.
 */
final class ChunkProfile {
  /** The rows that are taken where there are too few passes to find out better ones. */
  static final long USUAL_ROWS = 32;

  private static final long FIRST_ROWS = 4;
  private static final long LAST_ROWS = 512;
  private static final double NANOS_PER_MILLI = 1e6;

  /** The first of these prepares what the network keeps for each shape; the fastest counts. */
  private static final int RUNS = 2;

  /**
   * A probe may take this part of an explanation's passes, once for each network and input size.
   */
  private static final long PROBE_SHARE = 8;

  /** What a larger chunk must gain to be worth its memory. */
  private static final double GAIN = 0.03;

  /**
   * Where nothing was measured: the network's widest point is two times 64 channels at the input's
   * full size, as in VGG, which is among the widest.
   */
  private static final long WIDEST_VALUES_PER_PIXEL = 2 * 64;

  private final List<Probe> probes = new ArrayList<>();

  /** Pixels of the inputs that were probed; of later inputs of other sizes there is a ratio. */
  private long probedPixels;

  /** Rows that were run for the probes, but for what was run once more. */
  private long probedRows;

  /** Whether larger chunks have stopped to be faster. */
  private boolean settled;

  /** Rows times pixels that did not fit the memory. */
  private long tooMuch = Long.MAX_VALUE;

  /** What is asked for: a network, the size of its inputs, and what a chunk may take. */
  record Question(
      Scorer scorer, Device device, long channels, long height, long width, long budget) {
    long pixels() {
      return height * width;
    }

    long[] chunkOf(long rows) {
      return new long[] {rows, channels, height, width};
    }
  }

  /**
   * The number of rows for so many passes. The first call, and one of more passes than before, may
   * run the network; other threads wait for it.
   */
  synchronized ChunkPlan plan(Question question, long passes) {
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
    return new ChunkPlan(rows, question.scorer().precision(), bytes(question, rows), basis, probes);
  }

  /** A plan of exactly so many rows, but for those that were too many before. */
  synchronized ChunkPlan given(Question question, long rows) {
    long fitting = Math.min(rows, fittingRows(question));
    return new ChunkPlan(
        fitting,
        question.scorer().precision(),
        bytes(question, fitting),
        fitting < rows ? ChunkPlan.Basis.REDUCED : ChunkPlan.Basis.GIVEN,
        probes);
  }

  /** Remembers that so many rows did not fit. */
  synchronized void tooMany(Question question, long rows) {
    tooMuch = Math.min(tooMuch, rows * question.pixels());
  }

  /** At most the limit, spread so that the last chunk is nearly full. */
  static long spread(long passes, long limit) {
    long chunks = (passes + limit - 1) / limit;
    return (passes + chunks - 1) / chunks;
  }

  private void probeWhatPays(Question question, long passes) {
    while (!settled) {
      long rows =
          probes.isEmpty()
              ? Math.min(FIRST_ROWS, possible(question))
              : 2 * probes.get(probes.size() - 1).rows();
      if (rows > Math.min(LAST_ROWS, possible(question))
          || probedRows + RUNS * rows > passes / PROBE_SHARE) {
        return;
      }
      probe(question, rows);
    }
  }

  private void probe(Question question, long rows) {
    DeviceMemory memory = DeviceMemory.of(question.device());
    try {
      if (probes.isEmpty()) {
        // Compiles and prepares the network itself.
        perRow(question, rows, 1, memory);
      }
      double[] millis = new double[1];
      OptionalLong bytes = memory.peakOf(() -> millis[0] = perRow(question, rows, RUNS, memory));
      double before = fastestMillis(Long.MAX_VALUE);
      if (!probes.isEmpty() && gain(before, millis[0]) < GAIN) {
        // Another process may have had the machine: once more before it counts.
        millis[0] = Math.min(millis[0], perRow(question, rows, RUNS, memory));
      }
      settled = !probes.isEmpty() && gain(before, millis[0]) / 2 < GAIN;
      probes.add(new Probe(rows, millis[0], plausible(question, rows, bytes)));
      probedPixels = question.pixels();
      probedRows += RUNS * rows;
    } catch (RuntimeException e) {
      if (!NativeErrors.isOutOfMemory(e)) {
        throw e;
      }
      tooMany(question, rows);
      settled = true;
    } finally {
      // A larger chunk than the one that is taken must not stay in the process.
      memory.releaseKept();
    }
  }

  private static double gain(double before, double after) {
    return 1 - after / before;
  }

  /** Less than the chunk itself is no measure. */
  private static long plausible(Question question, long rows, OptionalLong bytes) {
    return bytes.isPresent() && bytes.getAsLong() >= bytesOf(question, rows)
        ? bytes.getAsLong()
        : estimate(question, rows);
  }

  /** Runs the network on a black chunk; the fastest run in milliseconds for each row. */
  private static double perRow(Question question, long rows, int runs, DeviceMemory memory) {
    double fastest = Double.POSITIVE_INFINITY;
    try (Tensor chunk =
        ChunkPool.allocate(question.chunkOf(rows), question.scorer(), question.device())) {
      chunk.zero_();
      for (int run = 0; run < runs; run++) {
        long start = System.nanoTime();
        question.scorer().score(chunk).close();
        memory.finishWork();
        fastest = Math.min(fastest, (System.nanoTime() - start) / NANOS_PER_MILLI);
      }
    }
    return fastest / rows;
  }

  /** The smallest size that is nearly as fast as the fastest within the budget; 0 if none. */
  private long fastest(Question question) {
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

  /** The rows that the budget and the memory allow; at least one. */
  private long possible(Question question) {
    long fitting = Math.min(fittingRows(question), LAST_ROWS);
    long rows = 1;
    // What a chunk takes rises with its rows.
    for (long step = Long.highestOneBit(fitting); step > 0; step /= 2) {
      long more = rows + step;
      if (more <= fitting && bytes(question, more) <= question.budget()) {
        rows = more;
      }
    }
    return rows;
  }

  /** Half of what did not fit. */
  private long fittingRows(Question question) {
    return tooMuch == Long.MAX_VALUE
        ? Long.MAX_VALUE
        : Math.max(1, tooMuch / question.pixels() / 2);
  }

  /** What a chunk takes: on a line through the smallest and the largest that were probed. */
  private long bytes(Question question, long rows) {
    if (probes.isEmpty()) {
      return estimate(question, rows);
    }
    Probe first = probes.get(0);
    Probe last = probes.get(probes.size() - 1);
    double probed = (double) rows * question.pixels() / probedPixels;
    double perRow = (double) (last.bytes() - first.bytes()) / (last.rows() - first.rows());
    double bytes =
        perRow > 0
            ? first.bytes() + perRow * (probed - first.rows())
            : last.bytes() * probed / last.rows();
    return Math.max(bytesOf(question, rows), (long) bytes);
  }

  private static long bytesOf(Question question, long rows) {
    return rows * question.channels() * question.pixels() * bytesPerValue(question);
  }

  private static long estimate(Question question, long rows) {
    return bytesOf(question, rows)
        + rows * question.pixels() * WIDEST_VALUES_PER_PIXEL * bytesPerValue(question);
  }

  private static long bytesPerValue(Question question) {
    return torch.elementSize(question.scorer().dtype());
  }
}
