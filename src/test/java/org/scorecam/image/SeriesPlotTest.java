package org.scorecam.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

/** Plots of series, and sheets of slices. */
class SeriesPlotTest {
  private static Heatmap ramp(int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = i;
    }
    return Heatmap.of(values, length, 1);
  }

  @Test
  void plotHasAStripForEachChannelAndOneForTheMap() {
    Picture plot = SeriesPlot.of(new float[2][50], ramp(10), Colormap.VIRIDIS);
    assertEquals(640, plot.width());
    assertEquals(3 * 96 + 2 * 4, plot.height());
    // Half white over the map's colour, from its lowest to its highest.
    assertEquals(mixed(Colormap.VIRIDIS.rgb(0)), plot.rgb(0, 0));
    assertEquals(mixed(Colormap.VIRIDIS.rgb(255)), plot.rgb(639, 0));
    assertEquals(0xffffff, plot.rgb(0, 97));
    // The constant channel's line lies at the bottom; the map's area reaches the top at its end.
    assertEquals(0x101010, plot.rgb(320, 88));
    assertEquals(Colormap.VIRIDIS.rgb(255), plot.rgb(639, 200 + 50));
    assertEquals(0xffffff, plot.rgb(3, 200 + 50));
  }

  private static int mixed(int colour) {
    return (colour >> 1 & 0x7f7f7f) + 0x808080;
  }

  @Test
  void longSeriesAreDrawnFromTheirLowestToTheirHighest() {
    float[][] series = new float[1][100_000];
    series[0][50_010] = 1;
    Picture plot = SeriesPlot.of(series, ramp(100), Colormap.JET);
    assertEquals(1600, plot.width());
    int column = (int) (50_010L * 1600 / 100_000);
    assertEquals(0x101010, plot.rgb(column, 8));
    assertEquals(0x101010, plot.rgb(column, 50));
    assertEquals(0x101010, plot.rgb(column - 10, 88));
  }

  @Test
  void sheetHasAllSlicesInOneScale() {
    float[] values = new float[3 * 2 * 70];
    for (int i = 2 * 2 * 70; i < values.length; i++) {
      values[i] = 1;
    }
    Picture sheet = SliceSheet.of(Heatmap.of(values, 70, 6), 3, Colormap.JET);
    assertEquals(142, sheet.width());
    assertEquals(6, sheet.height());
    assertEquals(Colormap.JET.rgb(0), sheet.rgb(0, 0));
    assertEquals(Colormap.JET.rgb(0), sheet.rgb(72, 1));
    assertEquals(0xffffff, sheet.rgb(70, 0));
    assertEquals(Colormap.JET.rgb(255), sheet.rgb(0, 4));
    assertEquals(0xffffff, sheet.rgb(72, 4));
  }

  @Test
  void whatDoesNotFitIsRefused() {
    Heatmap two = Heatmap.of(new float[4], 2, 2);
    float[][] series = new float[1][4];
    assertThrows(IllegalArgumentException.class, () -> SeriesPlot.of(series, two, Colormap.JET));
    assertThrows(
        IllegalArgumentException.class,
        () -> SeriesPlot.of(new float[0][0], ramp(3), Colormap.JET));
    assertThrows(IllegalArgumentException.class, () -> SliceSheet.of(two, 3, Colormap.JET));
    assertThrows(IllegalArgumentException.class, () -> SliceSheet.of(two, 0, Colormap.JET));
  }
}
