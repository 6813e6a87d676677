package org.scorecam.image;

import java.util.Arrays;
import java.util.Objects;

/**
 * A saliency map scaled to [0, 1] for drawing: (x − min) / (max − min) over the finite values.
 *
 * <p>A constant map is 0 everywhere, since nothing in it stands out. NaN and −∞ become 0, +∞
 * becomes 1.
 */
public final class Heatmap {
  private final int width;
  private final int height;
  private final float[] values;

  private Heatmap(int width, int height, float[] values) {
    this.width = width;
    this.height = height;
    this.values = values;
  }

  /**
   * Scales a map.
   *
   * @param map height × width values; copied
   * @return the heatmap, of the same size
   * @throws IllegalArgumentException if the map is empty, too large, or its rows differ in length
   */
  public static Heatmap of(float[][] map) {
    Objects.requireNonNull(map, "map");
    int height = map.length;
    int width = height == 0 ? 0 : map[0].length;
    if (width == 0) {
      throw new IllegalArgumentException(
          "a map of 0 x " + height + " is empty, and has no heatmap");
    }
    if ((long) height * width > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "a map of %d x %d has more values than a Java array can hold".formatted(width, height));
    }
    float[] values = new float[height * width];
    for (int y = 0; y < height; y++) {
      if (map[y].length != width) {
        throw new IllegalArgumentException(
            "row %d of the map has %d values, but row 0 has %d".formatted(y, map[y].length, width));
      }
      System.arraycopy(map[y], 0, values, y * width, width);
    }
    return new Heatmap(width, height, scaled(values));
  }

  /**
   * Scales a map.
   *
   * @param map height · width values, row by row; copied
   * @param width columns, at least 1
   * @param height rows, at least 1
   * @return the heatmap, of the same size
   * @throws IllegalArgumentException if the map does not have that many values, or none
   */
  public static Heatmap of(float[] map, int width, int height) {
    Objects.requireNonNull(map, "map");
    if (width < 1 || height < 1 || map.length != (long) width * height) {
      throw new IllegalArgumentException(
          "a map of %d x %d does not have %d values".formatted(width, height, map.length));
    }
    return new Heatmap(width, height, scaled(map.clone()));
  }

  private static float[] scaled(float[] values) {
    double min = Double.POSITIVE_INFINITY;
    double max = Double.NEGATIVE_INFINITY;
    for (float value : values) {
      if (Float.isFinite(value)) {
        min = Math.min(min, value);
        max = Math.max(max, value);
      }
    }
    for (int i = 0; i < values.length; i++) {
      float value = values[i];
      if (Float.isFinite(value)) {
        values[i] = max > min ? (float) ((value - min) / (max - min)) : 0;
      } else {
        values[i] = value > 0 ? 1 : 0;
      }
    }
    return values;
  }

  /**
   * Columns.
   *
   * @return at least 1
   */
  public int width() {
    return width;
  }

  /**
   * Rows.
   *
   * @return at least 1
   */
  public int height() {
    return height;
  }

  /**
   * One value.
   *
   * @param x column, from 0 at the left
   * @param y row, from 0 at the top
   * @return in [0, 1]
   * @throws IndexOutOfBoundsException if there is no such value
   */
  public float value(int x, int y) {
    return values[Objects.checkIndex(y, height) * width + Objects.checkIndex(x, width)];
  }

  /**
   * The heatmap at another size.
   *
   * @param newWidth columns, at least 1
   * @param newHeight rows, at least 1
   * @param interpolation the kernel; what bicubic overshoots is cut off at 0 and 1
   * @return the resized heatmap, not scaled again
   * @throws org.scorecam.error.InputException if the new size has no pixels or more than a {@link
   *     Picture} may have
   */
  public Heatmap resize(int newWidth, int newHeight, Interpolation interpolation) {
    Objects.requireNonNull(interpolation, "interpolation");
    Picture.checkSize(newWidth, newHeight, "the resized heatmap");
    return resample(
        Taps.of(width, newWidth, interpolation), Taps.of(height, newHeight, interpolation));
  }

  /** Some of its rows, not scaled again. */
  Heatmap rows(int first, int count) {
    return new Heatmap(
        width, count, Arrays.copyOfRange(values, first * width, (first + count) * width));
  }

  /** The heatmap seen through taps of its rows and of its columns. */
  Heatmap resample(Taps ofRows, Taps ofColumns) {
    float[] resampled = Resampling.resample(values, width, height, ofRows, ofColumns);
    for (int i = 0; i < resampled.length; i++) {
      resampled[i] = Math.max(0, Math.min(1, resampled[i]));
    }
    return new Heatmap(ofRows.first.length, ofColumns.first.length, resampled);
  }

  /**
   * The heatmap in colours.
   *
   * @param colormap gives 0 its lowest colour and 1 its highest
   * @return a picture of the same size
   */
  public Picture toPicture(Colormap colormap) {
    Objects.requireNonNull(colormap, "colormap");
    Picture.checkSize(width, height, "the heatmap");
    byte[] rgb = new byte[3 * values.length];
    for (int i = 0; i < values.length; i++) {
      Pixels.put(rgb, i, colormap.rgbOf(values[i]));
    }
    return new Picture(width, height, rgb);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Heatmap heatmap
        && width == heatmap.width
        && height == heatmap.height
        && Arrays.equals(values, heatmap.values);
  }

  @Override
  public int hashCode() {
    return 31 * width + Arrays.hashCode(values);
  }

  @Override
  public String toString() {
    return "Heatmap of " + width + " x " + height;
  }
}
