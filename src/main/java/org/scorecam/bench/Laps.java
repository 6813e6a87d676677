package org.scorecam.bench;

import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * All runs of a contestant after the warm-up.
 *
 * @param name the contestant's
 * @param laps one for each run of the race
 */
public record Laps(String name, List<Lap> laps) {
  /**
   * Copies the list.
   *
   * @param name the contestant's
   * @param laps at least one
   */
  public Laps {
    laps = List.copyOf(laps);
  }

  /**
   * The median time.
   *
   * @return seconds
   */
  public double seconds() {
    return median(Lap::seconds);
  }

  /**
   * Masked inputs in each run.
   *
   * @return how many, the same in all
   */
  public long passes() {
    return laps.get(0).passes();
  }

  /**
   * The median time of a stage.
   *
   * @param stage one of {@link StageTimes#names}
   * @return seconds
   */
  public double secondsOf(String stage) {
    return median(lap -> lap.stages().orElseThrow().seconds().get(stage));
  }

  /**
   * How many times as long this took as another of the same race: the median over the runs of the
   * quotient within a run, which what slows a whole run down does not change.
   *
   * @param other what this is compared with
   * @return the quotient
   */
  public double over(Laps other) {
    return median(
        IntStream.range(0, laps.size())
            .mapToDouble(i -> laps.get(i).seconds() / other.laps.get(i).seconds())
            .toArray());
  }

  private double median(ToDoubleFunction<Lap> value) {
    return median(laps.stream().mapToDouble(value).toArray());
  }

  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
