package org.scorecam.scoring;

import java.util.Optional;
import java.util.OptionalDouble;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Stem;

/**
 * Masked inputs to be scored, numbered from 0: writes them into the rows of chunks, and reads their
 * scores from what the network puts out. Rows may be written by several threads at once, each its
 * own; scores are read by one thread at a time, not always the same.
 */
public interface MaskedInputs {
  /**
   * How many masked inputs there are.
   *
   * @return 0 or more
   */
  int passes();

  /**
   * Writes some of them.
   *
   * @param firstPass the first
   * @param count how many follow each other from there
   * @param rows where to: [count, C, H, W] in the scorer's dtype and layout, on its device
   */
  void write(int firstPass, int count, Tensor rows);

  /**
   * What part of a masked input is 0 because its mask is, as far as that is known before it is
   * written. Some of our kernels compute only once what the inputs of a chunk have in common with
   * its first one, so that one that is mostly 0 is a good first.
   *
   * @param pass the masked input
   * @return 0 to 1; 0 if it is not known
   */
  default float blankPart(int pass) {
    return 0;
  }

  /**
   * The same masked inputs for a network whose stem is left out: its rows are what the stem puts
   * out for them.
   *
   * @param stem what the network begins with
   * @param bytes that may be kept for it, for as long as this source is open
   * @return another writer of the same passes, whose scores are kept as this one's; nothing if that
   *     is not possible, takes more memory, or would not be faster
   */
  default Optional<MaskedInputs> behind(Stem stem, long bytes) {
    return Optional.empty();
  }

  /**
   * The memory that is kept for writing rows, if it is much.
   *
   * @return bytes
   */
  default long bytes() {
    return 0;
  }

  /**
   * Reads scores from the output for a chunk. A scope is open.
   *
   * @param output of the network for a whole chunk
   * @param firstRow the first row that is asked for
   * @param count how many rows
   * @return float32 [count, T] with a score for each of the source's targets, on the network's
   *     device, owned by the scope
   */
  Tensor scoresOf(ModelOutput output, int firstRow, int count);

  /**
   * Keeps scores.
   *
   * @param firstPass whose score the first is
   * @param scores as {@link #scoresOf} gave them
   */
  void keep(int firstPass, Tensor scores);

  /**
   * How far other scores lead to the same result.
   *
   * @param exact T scores for each pass, null for those that do not count
   * @param other the same passes' in a reduced precision
   * @return Pearson's correlation of the results, of several the lowest; nothing where these scores
   *     cannot tell
   */
  OptionalDouble correlation(float[][] exact, float[][] other);
}
