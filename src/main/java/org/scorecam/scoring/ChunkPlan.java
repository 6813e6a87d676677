package org.scorecam.scoring;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.scorecam.model.Precision;

/**
 * How many masked inputs the network sees at once, and why.
 *
 * @param rows of a chunk
 * @param workers chunks that are scored beside each other, each by a thread of its own; 1 where all
 *     threads work on one chunk together
 * @param precision of its values and of the network
 * @param bytes that one such chunk takes with its activations, on the network's device: measured of
 *     it or of others, a single row at least, or estimated where that is not possible
 * @param basis what the number was taken from
 * @param probes the sizes that were tried, ascending; empty if none were
 * @param notes what was decided otherwise than was asked for, or taken for granted, and why, a
 *     sentence each
 */
public record ChunkPlan(
    long rows,
    int workers,
    Precision precision,
    long bytes,
    Basis basis,
    List<Probe> probes,
    List<String> notes) {
  private static final double MEBIBYTE = 1 << 20;

  /** What a plan rests on. */
  public enum Basis {
    /** The caller named it. */
    GIVEN,
    /** Chunks of growing size were timed. */
    PROBED,
    /** There are too few masked inputs for a probe to pay. */
    FITTED,
    /** There are too few for preparing the network to pay: it is run as it is. */
    UNPREPARED,
    /** A larger chunk did not fit the memory. */
    REDUCED,
    /** The network must be given one masked input at a time. */
    ONE_BY_ONE
  }

  /**
   * A size that was tried.
   *
   * @param rows of the chunk
   * @param millisPerRow the network's time for it, divided by its rows
   * @param bytes that it took at its peak with its activations; estimated where the system does not
   *     say
   */
  public record Probe(long rows, double millisPerRow, long bytes) {}

  /**
   * Copies the lists.
   *
   * @param rows of a chunk
   * @param workers chunks that are scored beside each other
   * @param precision of its values
   * @param bytes that such a chunk takes
   * @param basis what the number was taken from
   * @param probes the sizes that were tried
   * @param notes what was decided otherwise than was asked for, or taken for granted
   */
  public ChunkPlan {
    probes = List.copyOf(probes);
    notes = List.copyOf(notes);
  }

  /** The same with fewer rows or workers, for which there was more memory. */
  ChunkPlan reducedTo(long fewerRows, int fewerWorkers) {
    return fewerRows == rows && fewerWorkers == workers
        ? this
        : new ChunkPlan(
            fewerRows,
            fewerWorkers,
            precision,
            bytes * fewerRows / rows,
            Basis.REDUCED,
            probes,
            notes);
  }

  /**
   * The same with one more note.
   *
   * @param note a sentence
   * @return the new plan
   */
  public ChunkPlan noting(String note) {
    return noting(List.of(note));
  }

  /**
   * The same with more notes.
   *
   * @param further sentences
   * @return the new plan
   */
  public ChunkPlan noting(List<String> further) {
    List<String> more = new ArrayList<>(notes);
    more.addAll(further);
    return new ChunkPlan(rows, workers, precision, bytes, basis, probes, more);
  }

  /**
   * The plan in words.
   *
   * @return for example {@code 8 rows of float32 (probed), 58 MiB}, or {@code 2 workers with 8 rows
   *     of float32 each (probed), 58 MiB each}
   */
  @Override
  public String toString() {
    String each = workers == 1 ? "" : " each";
    return "%s%d rows of %s%s (%s), %.0f MiB%s"
        .formatted(
            workers == 1 ? "" : workers + " workers with ",
            rows,
            precision,
            each,
            basis.name().toLowerCase(Locale.ROOT).replace('_', ' '),
            bytes / MEBIBYTE,
            each);
  }
}
