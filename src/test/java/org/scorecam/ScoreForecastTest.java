package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** What scores of some masks say of others. */
class ScoreForecastTest {
  private static Tensor indices(int from, int to) {
    return Tensor.create(IntStream.range(from, to).asLongStream().toArray());
  }

  private static float[] toFloats(Tensor values) {
    return Tensors.toArray(values.to(ScalarType.Float));
  }

  @Test
  void masksThatAreAllEquallyFarApartSayTheMeanAndNoMore() {
    // Whatever η is, what is left is the textbook's prediction of one more draw:
    // variance s²·(1 + 1/n), and covariance s²/n of two.
    int places = 6;
    float[] oneEach = new float[places * places];
    for (int i = 0; i < places; i++) {
      oneEach[i * places + i] = 1;
    }
    double[] scores = {1, 2, 4, 7};
    double variance = DoubleStream.of(scores).map(y -> (y - 3.5) * (y - 3.5)).sum() / 3;
    try (NativeScope scope = NativeScope.open();
        ScoreForecast forecast = new ScoreForecast(Tensors.of(oneEach, places, 2, 3))) {
      ScoreForecast.Expectation expected =
          forecast.expect(indices(0, 4), Tensor.create(scores), indices(4, 6));
      float[] mean = toFloats(expected.mean());
      float[] covariance = toFloats(expected.covariance().contiguous());
      assertEquals(3.5, mean[0], 1e-6);
      assertEquals(3.5, mean[1], 1e-6);
      assertEquals(variance * 1.25, covariance[0], 1e-5);
      assertEquals(variance / 4, covariance[1], 1e-5);
      assertEquals(variance / 4, covariance[2], 1e-5);
      assertEquals(variance * 1.25, covariance[3], 1e-5);
    }
  }

  /** Masks with a spot each, of which the place decides on the score, or nothing does. */
  private static double[] errorsAndDeviations(boolean placeDecides) {
    int masks = 200;
    int known = 80;
    Random random = new Random(3);
    float[] maps = new float[masks * 49];
    double[] scores = new double[masks];
    for (int i = 0; i < masks; i++) {
      double row = 6 * random.nextDouble();
      double column = 6 * random.nextDouble();
      for (int p = 0; p < 49; p++) {
        int y = p / 7;
        int x = p % 7;
        double distance = Math.pow(y - row, 2) + Math.pow(x - column, 2);
        maps[i * 49 + p] = (float) Math.exp(-distance / 4);
      }
      scores[i] = placeDecides ? 10 + row - Math.abs(column - 3) : 10 + random.nextGaussian();
    }
    try (NativeScope scope = NativeScope.open();
        ScoreForecast forecast = new ScoreForecast(Tensors.of(maps, masks, 7, 7))) {
      ScoreForecast.Expectation expected =
          forecast.expect(
              indices(0, known),
              Tensor.create(Arrays.copyOf(scores, known)),
              indices(known, masks));
      float[] mean = toFloats(expected.mean());
      float[] variances = toFloats(expected.covariance().diagonal().contiguous());
      double error = 0;
      double predicted = 0;
      for (int i = 0; i < mean.length; i++) {
        error += Math.pow(mean[i] - scores[known + i], 2) / mean.length;
        predicted += variances[i] / mean.length;
      }
      return new double[] {Math.sqrt(error), Math.sqrt(predicted)};
    }
  }

  @Test
  void scoresThatDependOnTheMaskAreForetold() {
    double[] found = errorsAndDeviations(true);
    assertTrue(found[0] < 0.4, "off by " + found[0]);
    assertTrue(
        found[0] < 2 * found[1],
        "said to be off by %s, and is by %s".formatted(found[1], found[0]));
  }

  @Test
  void ofScoresThatDoNotDependOnItOnlyTheirSpreadIs() {
    double[] found = errorsAndDeviations(false);
    assertEquals(1, found[0], 0.25);
    assertEquals(found[0], found[1], 0.25);
  }
}
