package org.scorecam.image;

import static java.util.Objects.requireNonNull;

import java.util.Arrays;

/**
 * A plot of a series' channels, one below the other, on the colours of its heatmap, and below them
 * the heatmap as a curve.
 */
public final class SeriesPlot {
  private static final int LEAST_WIDTH = 640;
  private static final int MOST_WIDTH = 1600;

  /** Rows of a channel, and of the curve. */
  private static final int STRIP = 96;

  private static final int GAP = 4;

  /** Rows that stay free above and below a line. */
  private static final int MARGIN = 8;

  private static final int MOST_CHANNELS = 12;
  private static final int LINE = 0x101010;

  private final int width;
  private final byte[] rgb;

  private SeriesPlot(int width, int height) {
    this.width = width;
    this.rgb = new byte[3 * width * height];
    Arrays.fill(rgb, (byte) 0xff);
  }

  /**
   * Draws.
   *
   * @param series C channels of L values, each scaled by itself; the first 12 are drawn
   * @param heatmap one row, over the same extent
   * @param colormap of the heatmap
   * @return a picture of 640 to 1600 columns, by L
   * @throws IllegalArgumentException if the heatmap has several rows, or there are no values
   */
  public static Picture of(float[][] series, Heatmap heatmap, Colormap colormap) {
    requireNonNull(colormap, "colormap");
    if (heatmap.height() != 1 || series.length == 0 || series[0].length == 0) {
      throw new IllegalArgumentException(
          "a plot needs a heatmap of one row and a series with values, not %d rows and %d channels"
              .formatted(heatmap.height(), series.length));
    }
    int channels = Math.min(series.length, MOST_CHANNELS);
    int width = Math.max(LEAST_WIDTH, Math.min(MOST_WIDTH, series[0].length));
    int height = (channels + 1) * (STRIP + GAP) - GAP;
    SeriesPlot plot = new SeriesPlot(width, height);
    Heatmap columns = heatmap.resize(width, 1, Interpolation.BILINEAR);
    for (int c = 0; c < channels; c++) {
      int top = c * (STRIP + GAP);
      plot.fill(columns, colormap, top);
      plot.line(Heatmap.of(series[c], series[c].length, 1), top);
    }
    plot.curve(columns, colormap, channels * (STRIP + GAP));
    return new Picture(width, height, plot.rgb);
  }

  /** The heatmap's colours, half of them white. */
  private void fill(Heatmap columns, Colormap colormap, int top) {
    for (int x = 0; x < width; x++) {
      int colour = colormap.rgbOf(columns.value(x, 0));
      for (int y = top; y < top + STRIP; y++) {
        set(x, y, (colour >> 1 & 0x7f7f7f) + 0x808080);
      }
    }
  }

  /** From column to column the range of the values there, joined with what comes before. */
  private void line(Heatmap values, int top) {
    int before = -1;
    for (int x = 0; x < width; x++) {
      int from = (int) ((long) x * values.width() / width);
      int to = Math.max(from + 1, (int) ((x + 1L) * values.width() / width));
      int highest = STRIP;
      int lowest = 0;
      for (int i = from; i < to; i++) {
        int row = rowOf(between(values, x, i, to - from == 1));
        highest = Math.min(highest, row);
        lowest = Math.max(lowest, row);
      }
      int first = before < 0 ? highest : Math.min(highest, before);
      int last = before < 0 ? lowest : Math.max(lowest, before);
      for (int y = first; y <= last + 1; y++) {
        set(x, top + y, LINE);
      }
      before = rowOf(between(values, x, to - 1, to - from == 1));
    }
  }

  /** A value; where a column lies between two of few, on the line from one to the other. */
  private float between(Heatmap values, int x, int i, boolean interpolate) {
    if (!interpolate || values.width() == 1) {
      return values.value(i, 0);
    }
    double place = Math.min(x * (values.width() - 1.0) / (width - 1), values.width() - 1.0);
    int left = Math.min((int) place, values.width() - 2);
    double share = place - left;
    return (float) ((1 - share) * values.value(left, 0) + share * values.value(left + 1, 0));
  }

  private static int rowOf(float value) {
    return MARGIN + Math.round((1 - value) * (STRIP - 2 * MARGIN));
  }

  /** The heatmap as an area below its curve. */
  private void curve(Heatmap columns, Colormap colormap, int top) {
    for (int x = 0; x < width; x++) {
      float value = columns.value(x, 0);
      for (int y = rowOf(value); y < STRIP; y++) {
        set(x, top + y, colormap.rgbOf(value));
      }
    }
    line(columns, top);
  }

  private void set(int x, int y, int colour) {
    Pixels.put(rgb, y * width + x, colour);
  }
}
