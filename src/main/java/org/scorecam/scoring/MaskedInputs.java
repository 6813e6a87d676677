package org.scorecam.scoring;

import java.util.OptionalDouble;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.model.ModelOutput;

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
