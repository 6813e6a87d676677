package org.scorecam.runtime;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch;

/**
 * How many threads an operation has where nobody has chosen: one per physical core that the process
 * may use, as the operating system and the JVM count them.
 *
 * <p>LibTorch asks the processor itself. Some virtual machines hide there what belongs to what, and
 * two cores become one; and it counts all cores of a machine, whatever share of them a container or
 * an affinity leaves the process.
 */
final class PhysicalCores {
  /** Either is a choice. */
  private static final Set<String> VARIABLES = Set.of("OMP_NUM_THREADS", "MKL_NUM_THREADS");

  /** What LibTorch has chosen by itself; 0 if it was told. */
  private final int chosenByLibTorch;

  /** 0 where the operating system does not tell. */
  private final int count;

  private PhysicalCores(int chosenByLibTorch, int count) {
    this.chosenByLibTorch = chosenByLibTorch;
    this.count = count;
  }

  /** Those of this process; LibTorch must be loaded. */
  static PhysicalCores ofThisProcess() {
    return of(
        System.getenv(),
        // As many by default, and not changed by who chooses threads for operations.
        Math.toIntExact(torch.get_num_interop_threads()),
        Path.of("/"),
        Runtime.getRuntime().availableProcessors());
  }

  /**
   * As a machine says.
   *
   * @param root of its files
   * @param processors that the JVM may use
   */
  static PhysicalCores of(
      Map<String, String> environment, int chosenByLibTorch, Path root, int processors) {
    boolean told = VARIABLES.stream().anyMatch(environment::containsKey);
    return new PhysicalCores(
        told ? 0 : chosenByLibTorch, Math.min(processors, countedBySystem(root)));
  }

  /**
   * What to have in place of a number of threads that LibTorch has.
   *
   * @param threads LibTorch's number for some thread
   * @return 0 to leave it, because somebody chose it, it is right, or nothing better is known
   */
  int insteadOf(int threads) {
    return threads == chosenByLibTorch && threads != count ? count : 0;
  }

  /** As Linux has it: each processor names those that share its core. 0 if it does not say. */
  private static int countedBySystem(Path root) {
    try {
      Set<String> cores = new HashSet<>();
      for (String range : allowedProcessors(root).split(",", -1)) {
        String[] ends = range.split("-", -1);
        int last = Integer.parseInt(ends[ends.length - 1]);
        for (int processor = Integer.parseInt(ends[0]); processor <= last; processor++) {
          Path siblings =
              root.resolve(
                  "sys/devices/system/cpu/cpu%d/topology/thread_siblings_list"
                      .formatted(processor));
          if (Files.exists(siblings)) { // What is allowed may be offline, or not be there at all.
            cores.add(Files.readString(siblings));
          }
        }
      }
      return cores.size();
    } catch (IOException | NumberFormatException e) {
      return 0;
    }
  }

  /** Such as {@code 0-3,8}. */
  private static String allowedProcessors(Path root) throws IOException {
    String name = "Cpus_allowed_list:";
    try (Stream<String> lines = Files.lines(root.resolve("proc/self/status"))) {
      return lines
          .filter(line -> line.startsWith(name))
          .map(line -> line.substring(name.length()).strip())
          .findFirst()
          .orElse("");
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }
}
