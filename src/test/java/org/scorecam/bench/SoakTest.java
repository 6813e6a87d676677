package org.scorecam.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a soak says of the memory that it saw. */
class SoakTest {
  private static List<Soak.Tenth> tenths(long... means) {
    List<Soak.Tenth> tenths = new ArrayList<>();
    for (long mean : means) {
      tenths.add(new Soak.Tenth(20 * tenths.size() + 20, 1, mean, 2 * mean, 100));
    }
    return tenths;
  }

  @Test
  void theFirstTenthDoesNotCount() {
    assertEquals(0, Soak.drift(tenths(500, 1000, 1000, 1000)));
  }

  @Test
  void driftIsTheLargestDifferenceWithItsSign() {
    assertEquals(0.03, Soak.drift(tenths(900, 1000, 1030, 980, 1010)), 1e-9);
    assertEquals(-0.04, Soak.drift(tenths(900, 1000, 1030, 960, 1010)), 1e-9);
  }
}
