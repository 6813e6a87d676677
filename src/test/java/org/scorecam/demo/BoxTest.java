package org.scorecam.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class BoxTest {
  private final Box box = new Box(1, 0, 2, 2);

  @Test
  void shareIsTheEnergyInsideOverAll() {
    float[][] map = {{1, 2, 3, 4}, {5, 6, 7, 8}};
    assertEquals((2 + 3 + 6 + 7) / 36.0, box.share(map), 1e-12);
  }

  @Test
  void shareOfABlankMapIsZero() {
    assertEquals(0, box.share(new float[2][4]));
  }

  @Test
  void neighboursDoNotOverlap() {
    assertFalse(box.overlaps(new Box(3, 0, 1, 2)));
    assertFalse(box.overlaps(new Box(1, 2, 2, 1)));
    assertTrue(box.overlaps(new Box(2, 1, 5, 5)));
  }

  @Test
  void anEmptyBoxIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> new Box(0, 0, 0, 1));
    assertThrows(IllegalArgumentException.class, () -> new Box(-1, 0, 1, 1));
  }
}
