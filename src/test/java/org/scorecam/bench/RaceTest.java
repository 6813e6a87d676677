package org.scorecam.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.scorecam.MapAgreement;

class RaceTest {
  private final List<String> calls = new ArrayList<>();

  /** Says what it took instead of taking it: the n-th time of the list in its n-th run. */
  private final class Told implements Contestant {
    private final String name;
    private final double[] seconds;
    private int runs;

    Told(String name, double... seconds) {
      this.name = name;
      this.seconds = seconds;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public Lap run() {
      calls.add(name);
      return new Lap(seconds[runs++], 4, Optional.empty());
    }

    @Override
    public void close() {
      calls.add("close " + name);
    }
  }

  @Test
  void contestantsTakeTurnsAndTheWarmUpIsForgotten() {
    List<Integer> progress = new ArrayList<>();
    try (Race race = new Race()) {
      Told slow = race.enter(new Told("slow", 100, 2, 4, 12));
      Told fast = race.enter(new Told("fast", 1, 1, 1, 4));
      race.compare(slow, fast);
      Race.Result result =
          race.run(
              3,
              (done, total) -> {
                assertEquals(8, total);
                progress.add(done);
              });
      assertEquals(List.of("slow", "fast", "fast", "slow", "slow", "fast", "fast", "slow"), calls);
      assertEquals(List.of(1, 2, 3, 4, 5, 6, 7, 8), progress);
      assertEquals(4, result.laps().get(0).seconds());
      assertEquals(1, result.laps().get(1).seconds());
      assertEquals(4, result.laps().get(0).passes());
      // Of 2, 4 and 3: not the quotient of the medians.
      assertEquals(List.of(new Race.Comparison("slow", "fast", 3)), result.comparisons());
    }
    assertEquals(List.of("close slow", "close fast"), calls.subList(8, 10));
  }

  @Test
  void theMedianOfAnEvenNumberLiesBetween() {
    assertEquals(2.5, Laps.median(new double[] {9, 2, 1, 3}));
    assertEquals(7, Laps.median(new double[] {7}));
  }

  @Test
  void mapsAgreeUpToScale() {
    MapAgreement same = MapAgreement.of(new float[] {0, 1, 4}, new float[] {0, 1, 4});
    assertEquals(new MapAgreement(1, 0), same);
    MapAgreement scaled = MapAgreement.of(new float[] {0, 1, 4}, new float[] {0, 2, 8});
    assertEquals(1, scaled.correlation(), 1e-12);
    assertEquals(1, scaled.largestDifference(), 1e-12);
    MapAgreement opposite = MapAgreement.of(new float[] {1, 2}, new float[] {2, 1});
    assertEquals(-1, opposite.correlation(), 1e-12);
    assertTrue(Double.isNaN(MapAgreement.of(new float[] {1, 1}, new float[] {1, 2}).correlation()));
    assertThrows(
        IllegalArgumentException.class, () -> MapAgreement.of(new float[] {1}, new float[] {1, 2}));
  }
}
