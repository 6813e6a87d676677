package org.scorecam;

import java.util.OptionalLong;
import org.bytedeco.pytorch.global.torch;

/**
 * What chunks take with the network's activations for them: estimated until one was measured, and
 * then on a line through the smallest and the largest that were. Rows of inputs of different sizes
 * count by their pixels.
 */
final class ChunkMemory {
  /**
   * Where nothing was measured: the network's widest point is two times 64 channels at the input's
   * full size, as in VGG, which is among the widest.
   */
  private static final long WIDEST_VALUES_PER_PIXEL = 2 * 64;

  /** Null while nothing was measured. */
  private Measured smallest;

  private Measured largest;

  /** Pixels of all rows of the smallest chunk that did not fit. */
  private long tooMuch = Long.MAX_VALUE;

  /** A chunk's pixels, those of all its rows, and what it took. */
  private record Measured(long pixels, long bytes) {}

  /**
   * Takes in what a chunk was measured to take; each is larger than those before.
   *
   * @param peak if the system told it
   * @return the bytes that count: an estimate where they are not known
   */
  long add(ChunkQuestion question, long rows, OptionalLong peak) {
    // Less than the chunk itself is no measure.
    long bytes =
        peak.isPresent() && peak.getAsLong() >= ofInputs(question, rows)
            ? peak.getAsLong()
            : estimate(question, rows);
    largest = new Measured(rows * question.pixels(), bytes);
    smallest = smallest == null ? largest : smallest;
    return bytes;
  }

  /** What a chunk takes. */
  long bytes(ChunkQuestion question, long rows) {
    if (smallest == null) {
      return estimate(question, rows);
    }
    double pixels = rows * question.pixels();
    double bytes =
        largest.bytes > smallest.bytes
            ? smallest.bytes
                + (largest.bytes - smallest.bytes)
                    * (pixels - smallest.pixels)
                    / (largest.pixels - smallest.pixels)
            : largest.bytes * pixels / largest.pixels;
    return Math.max(ofInputs(question, rows), (long) bytes);
  }

  /** Remembers that so many rows did not fit. */
  void tooMany(ChunkQuestion question, long rows) {
    tooMuch = Math.min(tooMuch, rows * question.pixels());
  }

  /** Half of what did not fit; at least one row. */
  long fittingRows(ChunkQuestion question) {
    return tooMuch == Long.MAX_VALUE
        ? Long.MAX_VALUE
        : Math.max(1, tooMuch / question.pixels() / 2);
  }

  /** The rows up to a limit that the budget and the memory allow; at least one. */
  long possibleRows(ChunkQuestion question, long limit) {
    long fitting = Math.min(fittingRows(question), limit);
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

  private static long estimate(ChunkQuestion question, long rows) {
    return bytesOf(question, rows, question.channels() + WIDEST_VALUES_PER_PIXEL);
  }

  private static long ofInputs(ChunkQuestion question, long rows) {
    return bytesOf(question, rows, question.channels());
  }

  private static long bytesOf(ChunkQuestion question, long rows, long valuesPerPixel) {
    return rows * question.pixels() * valuesPerPixel * torch.elementSize(question.scorer().dtype());
  }
}
