package org.scorecam.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.scorecam.FixedMap;
import org.scorecam.Target;

/** What is said of callers' times. */
class ServingTest {
  private static Serving.Load load(int from, int to) {
    List<Double> latencies = IntStream.range(from, to).mapToObj(i -> (double) i).toList();
    return new Serving.Load(2, latencies, 10);
  }

  @Test
  void percentilesAreNearestRanks() {
    Serving.Load load = load(1, 201);
    assertEquals(100, load.latency(50));
    assertEquals(190, load.latency(95));
    assertEquals(198, load.latency(99));
    assertEquals(200, load.latency(100));
    assertEquals(1, load.latency(0.1));
    assertEquals(7, load(7, 8).latency(50));
    assertEquals(100, load.perSecond());
    assertEquals(20, load.mapsPerGroup());
  }

  @Test
  void runsAreTakenTogether() {
    Serving.Load both = load(101, 201).and(load(1, 101));
    assertEquals(load(1, 201).latencies(), both.latencies());
    assertEquals(4, both.seconds());
    assertEquals(20, both.groups());
    assertEquals(both, Serving.Load.NONE.and(both));
  }

  @Test
  void eachCallerAsksOnceHoweverLittleTimeThereIs() {
    try (Tensor map = torch.zeros(4, 4);
        FixedMap explainer = new FixedMap(map);
        Tensor input = torch.zeros(1, 3, 4, 4)) {
      Serving serving = new Serving(explainer, input, Target.top1(), 1000, Duration.ZERO);
      assertEquals(3, serving.byCallers(3).latencies().size());
      assertEquals(3, serving.byService(3, Duration.ZERO).latencies().size());
      Duration enough = Duration.ofHours(1);
      Serving few = new Serving(explainer, input, Target.top1(), 2, enough);
      assertEquals(2, few.byCallers(3).latencies().size());
    }
  }
}
