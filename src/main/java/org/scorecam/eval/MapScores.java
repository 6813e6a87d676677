package org.scorecam.eval;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/**
 * What was measured of one saliency map; empty where it was not. {@link Metric} says what each is.
 *
 * @param score f(X)
 * @param maskedScore f(X ∘ E)
 * @param complexity the mean of E
 * @param coherency of the map with that of X ∘ E
 * @param insertion a curve for each fill
 * @param deletion a curve for each fill
 * @param road the scores of inputs with missing pixels
 * @param energy the share of E inside of the boxes
 * @param passes how many inputs the network ran, without those of the explanation for coherency
 */
public record MapScores(
    double score,
    OptionalDouble maskedScore,
    OptionalDouble complexity,
    OptionalDouble coherency,
    Map<Fill, Curve> insertion,
    Map<Fill, Curve> deletion,
    Optional<Road> road,
    OptionalDouble energy,
    long passes) {
  /** So that a score of 0 does not divide; torch-cam's. */
  private static final double EPSILON = 1e-7;

  /**
   * Copies the curves.
   *
   * @param score f(X)
   * @param maskedScore f(X ∘ E)
   * @param complexity the mean of E
   * @param coherency of the map with that of X ∘ E
   * @param insertion a curve for each fill
   * @param deletion a curve for each fill
   * @param road the scores of inputs with missing pixels
   * @param energy the share of E inside of the boxes
   * @param passes how many inputs the network ran
   */
  public MapScores {
    insertion = Map.copyOf(insertion);
    deletion = Map.copyOf(deletion);
  }

  /**
   * What {@link Metric#ROAD} scores.
   *
   * @param withoutMost f without the most relevant pixels, for each percentile from 10 to 90
   * @param withoutLeast f without the least relevant
   */
  public record Road(List<Double> withoutMost, List<Double> withoutLeast) {
    /**
     * Copies the lists.
     *
     * @param withoutMost f without the most relevant pixels
     * @param withoutLeast f without the least relevant
     */
    public Road {
      withoutMost = List.copyOf(withoutMost);
      withoutLeast = List.copyOf(withoutLeast);
    }

    /**
     * Both in one number.
     *
     * @return higher is better
     */
    public double combined() {
      return (mean(withoutLeast) - mean(withoutMost)) / 2;
    }

    private static double mean(List<Double> scores) {
      return scores.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
    }
  }

  /**
   * {@link Metric#AVERAGE_DROP} of this map.
   *
   * @return from 0 to 1 where scores are probabilities; nothing where f(X) is not above 0
   */
  public OptionalDouble drop() {
    return maskedScore.isPresent() && score > 0
        ? OptionalDouble.of(Math.max(0, score - maskedScore.getAsDouble()) / (score + EPSILON))
        : OptionalDouble.empty();
  }

  /**
   * {@link Metric#INCREASE} of this map.
   *
   * @return 0 or 1
   */
  public OptionalDouble increase() {
    return maskedScore.isPresent()
        ? OptionalDouble.of(maskedScore.getAsDouble() > score ? 1 : 0)
        : OptionalDouble.empty();
  }

  /**
   * {@link Metric#ADCC} of this map.
   *
   * @return from 0 to 1; nothing where one of its parts is missing, or the drop is more than 1
   */
  public OptionalDouble adcc() {
    if (drop().isEmpty() || coherency.isEmpty() || complexity.isEmpty()) {
      return OptionalDouble.empty();
    }
    double[] parts = {
      coherency.getAsDouble(), 1 - complexity.getAsDouble(), 1 - drop().getAsDouble()
    };
    double reciprocals = 0;
    for (double part : parts) {
      if (part < 0) {
        return OptionalDouble.empty();
      }
      reciprocals += 1 / part;
    }
    return OptionalDouble.of(parts.length / reciprocals);
  }

  /**
   * All numbers by their names, for tables and files.
   *
   * @return those that were measured, in the order of {@link Metric}: {@code averageDrop}, {@code
   *     increase}, {@code adcc}, {@code coherency}, {@code complexity}, {@code insertion.black} and
   *     the like for each fill, {@code deletion.black}, {@code road}, {@code energy}
   */
  public Map<String, Double> values() {
    Map<String, Double> values = new LinkedHashMap<>();
    put(values, "averageDrop", drop());
    put(values, "increase", increase());
    put(values, "adcc", adcc());
    put(values, "coherency", coherency);
    put(values, "complexity", complexity);
    for (Fill fill : Fill.values()) {
      putArea(values, "insertion." + fill, insertion.get(fill));
    }
    for (Fill fill : Fill.values()) {
      putArea(values, "deletion." + fill, deletion.get(fill));
    }
    road.ifPresent(scores -> values.put("road", scores.combined()));
    put(values, "energy", energy);
    return values;
  }

  /**
   * The names that {@link #values} may have, in their order.
   *
   * @return a constant list
   */
  public static List<String> names() {
    return Stream.of(
            Stream.of("averageDrop", "increase", "adcc", "coherency", "complexity"),
            Stream.of(Fill.values()).map(fill -> "insertion." + fill),
            Stream.of(Fill.values()).map(fill -> "deletion." + fill),
            Stream.of("road", "energy"))
        .flatMap(names -> names)
        .toList();
  }

  private static void put(Map<String, Double> values, String name, OptionalDouble value) {
    value.ifPresent(number -> values.put(name, number));
  }

  private static void putArea(Map<String, Double> values, String name, Curve curve) {
    if (curve != null) {
      values.put(name, curve.area());
    }
  }
}
