package org.scorecam.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ColormapTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0, 0, 127", "1, 0, 0, 131", "31, 0, 0, 251",
    "32, 0, 0, 255", "33, 0, 4, 255", "95, 0, 252, 255",
    "96, 0, 255, 255", "128, 128, 255, 127", "159, 252, 255, 3",
    "160, 255, 255, 0", "192, 255, 127, 0", "223, 255, 3, 0",
    "224, 255, 0, 0", "225, 251, 0, 0", "255, 131, 0, 0",
  })
  void jetIsFiveRamps(int entry, int red, int green, int blue) {
    assertEquals(red << 16 | green << 8 | blue, Colormap.JET.rgb(entry));
  }

  @ParameterizedTest
  @CsvSource({
    "VIRIDIS, 440154 450559 46337f 3b528b 2a778e 21918c 22a785 6ece58 c0df25 f8e621 fde725",
    "INFERNO, 000004 010108 290b55 57106e 922568 bc3754 db503b fb9b06 f5d949 f9fc9d fcffa4",
    "TURBO, 30123b 341b51 4778f0 28bceb 43f787 a4fc3c dfdf37 f56918 c12302 810602 7a0403",
  })
  void publishedMapsAreMetWithinOneLevel(Colormap map, String colours) {
    int[] entries = {0, 3, 37, 64, 101, 128, 152, 199, 231, 253, 255};
    String[] expected = colours.split(" ", -1);
    for (int i = 0; i < entries.length; i++) {
      int ours = map.rgb(entries[i]);
      int theirs = Integer.parseInt(expected[i], 16);
      for (int shift = 0; shift <= 16; shift += 8) {
        assertEquals(theirs >> shift & 0xff, ours >> shift & 0xff, 1, map + " " + entries[i]);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"VIRIDIS", "INFERNO"})
  void uniformMapsNeverGetDarker(Colormap map) {
    for (int i = 1; i < Colormap.ENTRIES; i++) {
      assertTrue(luma(map.rgb(i)) >= luma(map.rgb(i - 1)) - 1, map + " " + i);
    }
  }

  private static double luma(int rgb) {
    return 0.299 * (rgb >> 16) + 0.587 * (rgb >> 8 & 0xff) + 0.114 * (rgb & 0xff);
  }

  @Test
  void valuesTakeTheNearestEntry() {
    Colormap jet = Colormap.JET;
    assertEquals(jet.rgb(0), jet.rgbOf(0));
    assertEquals(jet.rgb(255), jet.rgbOf(1));
    assertEquals(jet.rgb(128), jet.rgbOf(0.5f));
    assertEquals(jet.rgb(100), jet.rgbOf(100.4f / 255));
    assertEquals(jet.rgb(101), jet.rgbOf(100.6f / 255));
    assertEquals(jet.rgb(0), jet.rgbOf(-3));
    assertEquals(jet.rgb(255), jet.rgbOf(Float.POSITIVE_INFINITY));
    assertEquals(jet.rgb(0), jet.rgbOf(Float.NaN));
    assertThrows(IndexOutOfBoundsException.class, () -> jet.rgb(256));
  }
}
