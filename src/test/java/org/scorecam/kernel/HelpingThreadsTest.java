package org.scorecam.kernel;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;

class HelpingThreadsTest {
  private static final Path TASKS = Path.of("/proc/self/task");

  /** Of the process, by their numbers. */
  private static Set<String> threads() throws Exception {
    Set<String> found = new HashSet<>();
    try (Stream<Path> tasks = Files.list(TASKS)) {
      tasks.map(task -> task.getFileName().toString()).forEach(found::add);
    }
    return found;
  }

  /** Those that are there after an operation and gone once they are dismissed. */
  private static Set<String> dismissedAfterAnOperation(Tensor large) throws Exception {
    Tensor before = large.clone().mul_(large);
    Set<String> gone = threads();
    HelpingThreads.dismiss();
    Thread.sleep(50); // They may be listed a moment longer.
    gone.removeAll(threads());
    assertTrue(before.equal(large.clone().mul_(large)));
    return gone;
  }

  @Test
  void thoseThatHelpedAreGoneAndOthersComeWhenTheyAreNeeded() throws Exception {
    NativeBuild.require();
    Assumptions.assumeTrue(Files.isDirectory(TASKS), "there is no " + TASKS);
    Assumptions.assumeTrue(LibTorch.threads() > 1, "LibTorch has one thread");
    try (NativeScope scope = NativeScope.open();
        LibTorchWork work = LibTorchWork.begin(2)) {
      Tensor large = torch.ones(1 << 22).mul_(torch.tensor(2.0).squeeze());
      HelpingThreads.dismiss();
      for (int time = 0; time < 3; time++) {
        assertTrue(dismissedAfterAnOperation(large).size() >= 1); // The JVM's come and go, too.
      }
    }
  }
}
