package org.scorecam.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Machines that are files. */
class PhysicalCoresTest {
  private static final int MANY = 64;

  @TempDir Path root;

  /** Four cores of two processors each, of which the process may use all. */
  @BeforeEach
  void makeMachine() throws IOException {
    allow("0-7");
    for (int processor = 0; processor < 8; processor++) {
      int core = processor % 4;
      Path topology = root.resolve("sys/devices/system/cpu/cpu%d/topology".formatted(processor));
      Files.createDirectories(topology);
      Files.writeString(
          topology.resolve("thread_siblings_list"), "%d,%d%n".formatted(core, core + 4));
    }
  }

  private void allow(String processors) throws IOException {
    Files.createDirectories(root.resolve("proc/self"));
    Files.writeString(
        root.resolve("proc/self/status"),
        "Name:\tjava\nCpus_allowed:\tff\nCpus_allowed_list:\t%s\n".formatted(processors));
  }

  private PhysicalCores cores(int chosenByLibTorch, int processors) {
    return PhysicalCores.of(Map.of(), chosenByLibTorch, root, processors);
  }

  @Test
  void processorsOfOneCoreAreOne() {
    assertEquals(4, cores(1, 8).insteadOf(1));
  }

  @Test
  void whatLibTorchCountsRightlyStays() {
    assertEquals(0, cores(4, 8).insteadOf(4));
  }

  @Test
  void aNumberThatSomebodyChoseStays() {
    assertEquals(0, cores(1, 8).insteadOf(3));
  }

  @Test
  void theEnvironmentIsAChoice() {
    for (String variable : new String[] {"OMP_NUM_THREADS", "MKL_NUM_THREADS"}) {
      assertEquals(0, PhysicalCores.of(Map.of(variable, "1"), 1, root, 8).insteadOf(1), variable);
    }
  }

  @Test
  void affinityCounts() throws IOException {
    allow("0,3-5");
    // Processors 0 and 4 share a core, 3 and 5 have one each.
    assertEquals(3, cores(MANY, 4).insteadOf(MANY));
  }

  @Test
  void processorsThatAreNotThereDoNotCount() throws IOException {
    allow("0-255");
    assertEquals(4, cores(1, 8).insteadOf(1));
    allow("8-255");
    assertEquals(0, cores(1, 8).insteadOf(1));
  }

  @Test
  void aContainersShareCounts() {
    assertEquals(2, cores(MANY, 2).insteadOf(MANY));
  }

  @Test
  void whereNothingIsSaidLibTorchsNumberStays() throws IOException {
    allow("what nobody can read");
    assertEquals(0, cores(MANY, 2).insteadOf(MANY));
    Files.delete(root.resolve("proc/self/status"));
    assertEquals(0, cores(MANY, 2).insteadOf(MANY));
  }
}
