package org.scorecam.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How many threads there are where nobody has said so. */
class CoresTest {
  @TempDir Path folder;

  @Test
  void processorsThatShareACoreCountOnce() throws IOException {
    assertEquals(OptionalInt.empty(), Cores.countedIn(folder));
    assertEquals(OptionalInt.empty(), Cores.countedIn(folder.resolve("none")));
    String[] siblings = {"0,2", "1,3", "0,2", "1,3"};
    for (int cpu = 0; cpu < siblings.length; cpu++) {
      Path topology = Files.createDirectories(folder.resolve("cpu" + cpu + "/topology"));
      Files.writeString(topology.resolve("thread_siblings_list"), siblings[cpu] + "\n");
    }
    Files.createDirectories(folder.resolve("cpu4"));
    Files.createDirectories(folder.resolve("cpufreq"));
    assertEquals(OptionalInt.of(2), Cores.countedIn(folder));
  }

  @Test
  void thereIsAThreadForEachCoreThatMayBeUsed() {
    OptionalInt two = OptionalInt.of(2);
    assertEquals(2, Cores.threads(2, 2, two));
    assertEquals(2, Cores.threads(1, 2, two));
    assertEquals(1, Cores.threads(1, 2, OptionalInt.of(1)));
    assertEquals(8, Cores.threads(8, 16, OptionalInt.of(8)));
    assertEquals(4, Cores.threads(64, 4, OptionalInt.of(64)));
    assertEquals(3, Cores.threads(3, 8, OptionalInt.empty()));
  }
}
