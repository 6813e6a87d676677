package org.scorecam.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.scorecam.runtime.Device;

/** What tasks may use of an executor. */
class TaskShareTest {
  @Test
  void oneInFourCoresReads() {
    assertEquals(1, new TaskShare(1, 8, 1, 0).readers());
    assertEquals(2, new TaskShare(8, 1, 1, 0).readers());
  }

  @Test
  void memoryIsDividedByTheTasksThatRunAtOnce() {
    assertEquals(OptionalLong.of(250), new TaskShare(1, 4, 2, 0).memory(1000, Device.cpu()));
    assertEquals(OptionalLong.of(500), new TaskShare(1, 4, 2, 0).memory(1000, Device.cuda(0)));
    assertEquals(OptionalLong.of(1), new TaskShare(1, 4, 1, 0).memory(3, Device.cpu()));
    assertEquals(
        OptionalLong.of((64 << 20) / 2 / 4),
        new TaskShare(1, 4, 1, 64 << 20).memory(0, Device.cpu()),
        "half of the overhead");
    long alone = new TaskShare(1, 1, 1, 0).memory(0, Device.cpu()).orElseThrow();
    long together = new TaskShare(1, 1000, 1, 0).memory(0, Device.cpu()).orElseThrow();
    assertTrue(together < alone / 100, () -> together + " of " + alone);
  }
}
