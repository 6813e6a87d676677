package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** When the allocator's memory is given back. */
class KeptMemoryTest {
  private static int releases(int explanations, int shapes) {
    KeptMemory memory = new KeptMemory();
    int releases = 0;
    for (int i = 0; i < explanations; i++) {
      releases += memory.isTimeToRelease(new long[] {1, 3, 32, 32 + i % shapes}) ? 1 : 0;
    }
    return releases;
  }

  @Test
  void neverWhileTheShapeStays() {
    assertEquals(0, releases(1000, 1));
  }

  @Test
  void everyFewChangesOfShape() {
    assertEquals(1000 / KeptMemory.CHANGES, releases(1000, 2));
    assertEquals(1000 / KeptMemory.CHANGES, releases(1000, 1000));
  }
}
