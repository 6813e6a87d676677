package org.scorecam.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class OverlayTest {
  private static Picture flat(int width, int height, int grey) {
    byte[] rgb = new byte[3 * width * height];
    Arrays.fill(rgb, (byte) grey);
    return Picture.of(width, height, rgb);
  }

  @Test
  void blendsByOpacity() {
    Picture picture = flat(2, 1, 100);
    Heatmap heatmap = Heatmap.of(new float[][] {{0, 1}});
    Picture half = Overlay.jet().draw(heatmap, picture);
    // Jet begins at (0, 0, 127) and ends at (131, 0, 0); halves round up.
    assertEquals(50 << 16 | 50 << 8 | 114, half.rgb(0, 0));
    assertEquals(116 << 16 | 50 << 8 | 50, half.rgb(1, 0));
    assertEquals(picture, Overlay.of(Colormap.JET, 0).draw(heatmap, picture));
    assertEquals(
        heatmap.toPicture(Colormap.TURBO), Overlay.of(Colormap.TURBO, 1).draw(heatmap, picture));
    Picture quarter = Overlay.of(Colormap.JET, 0.25).draw(heatmap, picture);
    assertEquals(75 << 16 | 75 << 8 | 107, quarter.rgb(0, 0)); // 0.25 · 127 + 75 = 106.75
  }

  @Test
  void opacitiesOutsideTheUnitRangeAreRefused() {
    for (double opacity : new double[] {-0.01, 1.01, Double.NaN}) {
      assertThrows(IllegalArgumentException.class, () -> Overlay.of(Colormap.JET, opacity));
    }
  }

  @Test
  void theHeatmapIsStretchedOverThePicture() {
    Heatmap heatmap = Heatmap.of(new float[][] {{0, 1}, {0.5f, 0}});
    Picture overlay = Overlay.of(Colormap.JET, 1).draw(heatmap, flat(20, 30, 9));
    assertEquals(heatmap.resize(20, 30, Interpolation.BILINEAR).toPicture(Colormap.JET), overlay);
  }

  @Test
  void outsideOfTheRegionThePictureStays() {
    Picture picture = flat(10, 8, 77);
    Heatmap heatmap = Heatmap.of(new float[][] {{0, 1}, {1, 0}});
    // Centres from 2.5 to 6.5 and from 1.5 to 4.5: columns 2 to 6, rows 1 to 4.
    Picture overlay =
        Overlay.of(Colormap.JET, 1).draw(heatmap, picture, new Region(2.4, 1.5, 4.2, 3.1));
    for (int y = 0; y < 8; y++) {
      for (int x = 0; x < 10; x++) {
        boolean inside = x >= 2 && x <= 6 && y >= 1 && y <= 4;
        assertEquals(!inside, overlay.rgb(x, y) == 0x4d4d4d, x + ", " + y);
      }
    }
  }

  @Test
  void aRegionWithoutPixelCentresDrawsNothing() {
    Picture picture = flat(10, 8, 77);
    Heatmap heatmap = Heatmap.of(new float[][] {{0, 1}});
    assertEquals(picture, Overlay.jet().draw(heatmap, picture, new Region(2.6, 2.6, 0.2, 0.2)));
    assertEquals(picture, Overlay.jet().draw(heatmap, picture, new Region(50, 0, 10, 8)));
    assertThrows(IllegalArgumentException.class, () -> new Region(0, 0, 0, 1));
    assertThrows(IllegalArgumentException.class, () -> new Region(Double.NaN, 0, 1, 1));
  }

  /** What the network saw at a place is drawn at that place, through resize and crop. */
  @Test
  void theMapLandsWhereItsPixelsCameFrom() {
    int width = 500;
    int height = 330;
    int spotX = 301;
    int spotY = 88;
    byte[] rgb = new byte[3 * width * height];
    for (int y = -6; y <= 6; y++) {
      for (int x = -6; x <= 6; x++) {
        Arrays.fill(
            rgb,
            3 * ((spotY + y) * width + spotX + x),
            3 * ((spotY + y) * width + spotX + x) + 3,
            (byte) 255);
      }
    }
    Picture picture = Picture.of(width, height, rgb);
    for (Preprocessing preprocessing :
        new Preprocessing[] {
          Preprocessing.imagenet(),
          Preprocessing.none(),
          Preprocessing.none().stretch(97, 211, Interpolation.BICUBIC),
          Preprocessing.none().centreCrop(301, 203).grey(),
        }) {
      float[][] seen = firstChannel(preprocessing, picture);
      Picture overlay =
          Overlay.of(Colormap.INFERNO, 1)
              .draw(Heatmap.of(seen), flat(width, height, 0), preprocessing.regionOf(picture));
      double sum = 0;
      double sumX = 0;
      double sumY = 0;
      for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
          double red = overlay.rgb(x, y) >> 16;
          sum += red;
          sumX += red * x;
          sumY += red * y;
        }
      }
      assertTrue(sum > 0);
      assertEquals(spotX, sumX / sum, 0.6, preprocessing.toString());
      assertEquals(spotY, sumY / sum, 0.6, preprocessing.toString());
    }
  }

  private static float[][] firstChannel(Preprocessing preprocessing, Picture picture) {
    try (Tensor input = preprocessing.apply(picture)) {
      int height = (int) input.size(2);
      int width = (int) input.size(3);
      float[][] map = new float[height][width];
      for (int y = 0; y < height; y++) {
        input.data_ptr_float().position((long) y * width).get(map[y]);
      }
      return map;
    }
  }
}
