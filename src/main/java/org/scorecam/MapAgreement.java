package org.scorecam;

import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * How far two saliency maps are the same.
 *
 * @param correlation Pearson's, 1 for maps that differ in scale alone; NaN where one is constant
 * @param largestDifference of two values, as a part of the first map's range
 */
public record MapAgreement(double correlation, double largestDifference) {
  /**
   * Compares.
   *
   * @param expected values of a map
   * @param actual as many values of the other
   * @return how they agree
   * @throws IllegalArgumentException if they are not of the same size
   */
  public static MapAgreement of(float[] expected, float[] actual) {
    if (expected.length != actual.length) {
      throw new IllegalArgumentException(
          "maps of %d and %d values cannot be compared".formatted(expected.length, actual.length));
    }
    double expectedMean = mean(expected);
    double actualMean = mean(actual);
    double product = 0;
    double expectedSquares = 0;
    double actualSquares = 0;
    double lowest = Double.POSITIVE_INFINITY;
    double highest = Double.NEGATIVE_INFINITY;
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      double x = expected[i] - expectedMean;
      double y = actual[i] - actualMean;
      product += x * y;
      expectedSquares += x * x;
      actualSquares += y * y;
      lowest = Math.min(lowest, expected[i]);
      highest = Math.max(highest, expected[i]);
      difference = Math.max(difference, Math.abs((double) expected[i] - actual[i]));
    }
    double range = highest - lowest;
    return new MapAgreement(
        product / Math.sqrt(expectedSquares * actualSquares),
        difference == 0 ? 0 : difference / range);
  }

  /**
   * That of the maps which scores make, or, where these are blank, of the scores.
   *
   * @param exact a score of each pass; NaN for those that do not count
   * @param other the same passes'
   * @param mapOf makes a map of scores
   * @return nothing where all scores are the same
   */
  static OptionalDouble correlationOf(
      float[] exact, float[] other, Function<float[], float[]> mapOf) {
    float[] exactMap = mapOf.apply(exact);
    if (!isConstant(exactMap)) {
      return OptionalDouble.of(of(exactMap, mapOf.apply(other)).correlation());
    }
    int[] counted = IntStream.range(0, exact.length).filter(i -> !Float.isNaN(exact[i])).toArray();
    float[] exactScores = valuesAt(counted, exact);
    return isConstant(exactScores)
        ? OptionalDouble.empty()
        : OptionalDouble.of(of(exactScores, valuesAt(counted, other)).correlation());
  }

  private static float[] valuesAt(int[] places, float[] values) {
    float[] chosen = new float[places.length];
    for (int i = 0; i < places.length; i++) {
      chosen[i] = values[places[i]];
    }
    return chosen;
  }

  private static boolean isConstant(float[] values) {
    for (float value : values) {
      if (value != values[0]) {
        return false;
      }
    }
    return true;
  }

  private static double mean(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value;
    }
    return sum / values.length;
  }
}
