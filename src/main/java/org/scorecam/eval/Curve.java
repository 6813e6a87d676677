package org.scorecam.eval;

import java.util.List;

/**
 * How a score changes as pixels are inserted or deleted.
 *
 * @param fractions of the pixels, from 0 to 1, ascending
 * @param scores at these
 */
public record Curve(List<Double> fractions, List<Double> scores) {
  /**
   * Copies the lists.
   *
   * @param fractions of the pixels
   * @param scores as many
   * @throws IllegalArgumentException if there are not as many
   */
  public Curve {
    fractions = List.copyOf(fractions);
    scores = List.copyOf(scores);
    if (fractions.size() != scores.size()) {
      throw new IllegalArgumentException(
          "a curve needs a score for each fraction, not %d for %d"
              .formatted(scores.size(), fractions.size()));
    }
  }

  /**
   * The area under it by the trapezoidal rule.
   *
   * @return the mean score where the fractions go from 0 to 1
   */
  public double area() {
    double area = 0;
    for (int i = 1; i < scores.size(); i++) {
      double width = fractions.get(i) - fractions.get(i - 1);
      area += width * (scores.get(i) + scores.get(i - 1)) / 2;
    }
    return area;
  }
}
