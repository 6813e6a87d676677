package org.scorecam.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.scorecam.JavaProcess;

class CoreShareTest {
  @ParameterizedTest
  @CsvSource({
    // Threads, others that compute beside them on as many cores, cores that are left.
    "2, 0, 2",
    "2, 1, 1",
    "2, 2, 1",
    "8, 1, 7",
    "8, 4, 4",
    "8, 8, 1",
    "8, 40, 1",
    "1, 3, 1",
    "64, 8, 56",
  })
  void theCoresThatOthersLeaveAreCounted(int threads, int others, int free) {
    assertEquals(free, CoreShare.freeOf(threads, (double) threads / (threads + others)));
  }

  /** In a process of its own: what is measured counts for the whole process. */
  @Test
  void workOnScarceCoresHasOneThreadUnlessANumberWasNamed() throws Exception {
    String said =
        JavaProcess.run(CoreShareProbe.class, JavaProcess.CLASS_PATH, Map.of(), List.of());
    assertEquals(
        List.of(
            "at first: false, 4 of 4",
            "after short stretches: false, 4 of 4",
            "after waiting for helpers: false, 4 of 4",
            "scarce: true, 1 of 4",
            "afterwards: 4",
            "a worker's own: 3",
            "named: 4 of 4"),
        said.lines().filter(line -> line.matches(".*: (.*, )?\\d( of \\d)?")).toList(),
        said);
  }
}
