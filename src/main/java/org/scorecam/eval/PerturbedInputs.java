package org.scorecam.eval;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Recipe;
import org.scorecam.Target;
import org.scorecam.error.InputException;
import org.scorecam.model.ModelOutput;
import org.scorecam.scoring.MaskedInputs;
import org.scorecam.tensor.Tensors;

/** Versions of one input, with what a target scores them. */
final class PerturbedInputs implements MaskedInputs {
  private final Target target;
  private final Recipe.Score score;
  private final List<Version> versions = new ArrayList<>();
  private final List<Double> scores = new ArrayList<>();

  /** Writes one version of the input. */
  interface Version {
    /**
     * Writes it.
     *
     * @param row where to: [C, H, W]; a scope is open, and other threads may write other rows
     */
    void write(Tensor row);
  }

  /**
   * None yet.
   *
   * @param target resolved for the input
   * @param score what of the output is scored
   */
  PerturbedInputs(Target target, Recipe.Score score) {
    this.target = target;
    this.score = score;
  }

  /** Adds a version; its number, by which it is asked for. */
  int add(Version version) {
    versions.add(version);
    scores.add(Double.NaN);
    return versions.size() - 1;
  }

  /** Adds a version that exists already, as [C, H, W]. */
  int add(Tensor input) {
    return add(row -> row.copy_(input));
  }

  /** The score of a version, once it was scored. */
  double score(int version) {
    return scores.get(version);
  }

  /** The scores of several. */
  List<Double> scores(List<Integer> several) {
    return several.stream().map(scores::get).toList();
  }

  @Override
  public int passes() {
    return versions.size();
  }

  @Override
  public void write(int firstPass, int count, Tensor rows) {
    for (int row = 0; row < count; row++) {
      versions.get(firstPass + row).write(rows.select(0, row));
    }
  }

  @Override
  public Tensor scoresOf(ModelOutput output, int firstRow, int count) {
    return target.scoresOf(output, score, firstRow, count).unsqueeze(1);
  }

  @Override
  public void keep(int firstPass, Tensor scored) {
    float[] values = Tensors.toArray(scored);
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new InputException(
            "the target's score of a changed input is %s, which cannot be measured"
                .formatted(values[i]));
      }
      scores.set(firstPass + i, (double) values[i]);
    }
  }

  /** Unknown: scores in float32 are compared with none. */
  @Override
  public OptionalDouble correlation(float[][] exact, float[][] other) {
    return OptionalDouble.empty();
  }
}
