package org.scorecam.eval;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.BoundingBox;
import org.scorecam.error.InputException;
import org.scorecam.mask.Upsampling;
import org.scorecam.tensor.Tensors;

/** A saliency map as it is measured: E of {@link Metric}. */
final class ScaledMap {
  private final Tensor tensor;

  /** The same on the heap, row-major. */
  private final float[] values;

  private final int width;

  private ScaledMap(Tensor tensor, int width) {
    this.tensor = tensor;
    this.values = Tensors.toArray(tensor);
    this.width = width;
  }

  /**
   * Scales a map. Needs an open scope, in which alone the result can be used.
   *
   * @param map [h, w]
   * @param height H
   * @param width W
   * @throws InputException if the map has another number of dimensions, or is not finite
   */
  static ScaledMap of(Tensor map, long height, long width) {
    if (map.dim() != 2) {
      throw new InputException(
          "metrics are for maps [H, W]; this one has the shape " + Tensors.shapeOf(map));
    }
    if (!map.isfinite().all().item().toBool()) {
      throw new InputException("a map that holds NaN or infinities cannot be measured");
    }
    Tensor shifted = map.sub(map.min());
    Tensor most = shifted.max();
    Tensor scaled = most.item_float() == 0 ? shifted : shifted.div(most);
    boolean fits = map.size(0) == height && map.size(1) == width;
    // In float64, so that pixels with equal values have them in float32, and keep their order.
    Tensor resized =
        fits
            ? scaled.contiguous()
            : Upsampling.BILINEAR
                .apply(scaled.to(ScalarType.Double).unsqueeze(0).unsqueeze(0), height, width)
                .view(height, width)
                .to(ScalarType.Float);
    return new ScaledMap(resized, Math.toIntExact(width));
  }

  /** Float32 [H, W] on the model's device, owned by the scope. */
  Tensor tensor() {
    return tensor;
  }

  /** Its values, row-major; not to be changed. */
  float[] values() {
    return values;
  }

  /** For each pixel [H, W] its place, from 0, in the order of falling values; needs a scope. */
  Tensor ranks() {
    Tensor order = tensor.flatten().argsort(true, 0, true);
    return order.argsort(0, false).view_as(tensor);
  }

  /** Σ E / (H·W). */
  double mean() {
    return sum(values) / values.length;
  }

  /** (1 + r) / 2 with Pearson's r; 0 where a map has one value everywhere. */
  double coherency(ScaledMap other) {
    double mean = mean();
    double otherMean = other.mean();
    double product = 0;
    double square = 0;
    double otherSquare = 0;
    for (int i = 0; i < values.length; i++) {
      double a = values[i] - mean;
      double b = other.values[i] - otherMean;
      product += a * b;
      square += a * a;
      otherSquare += b * b;
    }
    return square == 0 || otherSquare == 0
        ? 0
        : (1 + product / Math.sqrt(square * otherSquare)) / 2;
  }

  /** The part of the sum whose pixels' centres are in any of the boxes. */
  double share(List<BoundingBox> boxes) {
    double inside = 0;
    for (int i = 0; i < values.length; i++) {
      int row = i / width;
      double x = i % width + 0.5;
      double y = row + 0.5;
      if (boxes.stream().anyMatch(b -> x >= b.x0() && x < b.x1() && y >= b.y0() && y < b.y1())) {
        inside += values[i];
      }
    }
    double all = sum(values);
    return all == 0 ? 0 : inside / all;
  }

  /** The values from 1 down instead of from 0 up. */
  float[] reversed() {
    float[] reversed = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      reversed[i] = 1 - values[i];
    }
    return reversed;
  }

  /**
   * Which pixels stay where those at or above a percentile are removed.
   *
   * @param values of the pixels
   * @param percentile from 0 to 100, between two values as NumPy has it
   */
  static boolean[] below(float[] values, double percentile) {
    float[] sorted = values.clone();
    Arrays.sort(sorted);
    double place = (sorted.length - 1) * percentile / 100;
    int before = (int) place;
    double part = place - before;
    double low = sorted[before];
    double high = sorted[Math.min(before + 1, sorted.length - 1)];
    float threshold = (float) (low + (high - low) * part);
    boolean[] kept = new boolean[values.length];
    for (int i = 0; i < values.length; i++) {
      kept[i] = values[i] < threshold;
    }
    return kept;
  }

  private static double sum(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value;
    }
    return sum;
  }
}
