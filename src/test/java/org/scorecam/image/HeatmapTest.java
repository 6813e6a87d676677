package org.scorecam.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class HeatmapTest {
  @Test
  void scalesToTheUnitRange() {
    Heatmap heatmap = Heatmap.of(new float[][] {{-2, 0, 2}, {6, 2, -2}});
    assertEquals(3, heatmap.width());
    assertEquals(2, heatmap.height());
    assertEquals(0, heatmap.value(0, 0));
    assertEquals(0.25f, heatmap.value(1, 0));
    assertEquals(1, heatmap.value(0, 1));
    assertEquals(0, heatmap.value(2, 1));
    assertEquals(heatmap, Heatmap.of(new float[] {-2, 0, 2, 6, 2, -2}, 3, 2));
  }

  @Test
  void theWholeRangeOfFloatsIsScaled() {
    Heatmap heatmap = Heatmap.of(new float[][] {{-Float.MAX_VALUE, 0, Float.MAX_VALUE}});
    assertEquals(0.5f, heatmap.value(1, 0));
    Heatmap tiny = Heatmap.of(new float[][] {{0, Float.MIN_VALUE}});
    assertEquals(1, tiny.value(1, 0));
  }

  @Test
  void aConstantMapIsZero() {
    Heatmap heatmap = Heatmap.of(new float[][] {{7, 7}, {7, 7}});
    assertEquals(0, heatmap.value(1, 1));
    assertEquals(Colormap.JET.rgb(0), heatmap.toPicture(Colormap.JET).rgb(0, 0));
  }

  @Test
  void whatIsNotFiniteDoesNotSpoilTheRest() {
    float inf = Float.POSITIVE_INFINITY;
    Heatmap heatmap = Heatmap.of(new float[][] {{Float.NaN, inf, -inf, 1, 2, 3}});
    float[] expected = {0, 1, 0, 0, 0.5f, 1};
    for (int x = 0; x < expected.length; x++) {
      assertEquals(expected[x], heatmap.value(x, 0));
    }
    assertEquals(0, Heatmap.of(new float[][] {{Float.NaN, Float.NaN}}).value(1, 0));
  }

  @Test
  void coloursFollowTheMap() {
    Picture picture = Heatmap.of(new float[][] {{0, 255}, {100, 32}}).toPicture(Colormap.VIRIDIS);
    assertEquals(Colormap.VIRIDIS.rgb(0), picture.rgb(0, 0));
    assertEquals(Colormap.VIRIDIS.rgb(255), picture.rgb(1, 0));
    assertEquals(Colormap.VIRIDIS.rgb(100), picture.rgb(0, 1));
    assertEquals(Colormap.VIRIDIS.rgb(32), picture.rgb(1, 1));
  }

  @Test
  void resizesAndStaysInRange() {
    Heatmap edge = Heatmap.of(new float[][] {{0, 0, 1, 1}});
    Heatmap bilinear = edge.resize(8, 1, Interpolation.BILINEAR);
    float[] expected = {0, 0, 0, 0.25f, 0.75f, 1, 1, 1};
    for (int x = 0; x < 8; x++) {
      assertEquals(expected[x], bilinear.value(x, 0), 1e-6f);
    }
    Heatmap bicubic = edge.resize(40, 3, Interpolation.BICUBIC);
    assertEquals(3, bicubic.height());
    for (int x = 0; x < 40; x++) {
      assertTrue(bicubic.value(x, 1) >= 0 && bicubic.value(x, 1) <= 1);
    }
  }

  @Test
  void mapsWithoutShapeAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> Heatmap.of(new float[0][]));
    assertThrows(IllegalArgumentException.class, () -> Heatmap.of(new float[2][0]));
    assertThrows(IllegalArgumentException.class, () -> Heatmap.of(new float[5], 2, 3));
    IllegalArgumentException ragged =
        assertThrows(IllegalArgumentException.class, () -> Heatmap.of(new float[][] {{1, 2}, {3}}));
    assertEquals("row 1 of the map has 1 values, but row 0 has 2", ragged.getMessage());
  }
}
