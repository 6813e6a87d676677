package org.scorecam.runtime;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.OptionalInt;
import java.util.Set;

/**
 * How many threads are best where nobody has said so: one for each core that this process may use.
 *
 * <p>LibTorch takes the cores that it finds in the machine, however many of them a container may
 * use, and on some virtual machines finds fewer than there are.
 */
final class Cores {
  private static final Path CPUS = Path.of("/sys/devices/system/cpu");

  private Cores() {}

  /**
   * The number of threads in place of LibTorch's choice; the same if that is right.
   *
   * @param chosen by LibTorch
   */
  static int threadsInPlaceOf(int chosen) {
    boolean said =
        System.getenv("OMP_NUM_THREADS") != null || System.getenv("MKL_NUM_THREADS") != null;
    return said
        ? chosen
        : threads(chosen, Runtime.getRuntime().availableProcessors(), countedIn(CPUS));
  }

  /**
   * As {@link #threadsInPlaceOf}.
   *
   * @param processors that the process may use, several of which may share a core
   * @param cores of the machine, if the system tells them
   */
  static int threads(int chosen, int processors, OptionalInt cores) {
    return Math.min(processors, Math.max(chosen, cores.orElse(chosen)));
  }

  /** Processors that share a core have the same list of siblings. */
  static OptionalInt countedIn(Path cpus) {
    Set<String> siblings = new HashSet<>();
    try (DirectoryStream<Path> folders = Files.newDirectoryStream(cpus, "cpu[0-9]*")) {
      for (Path folder : folders) {
        Path list = folder.resolve("topology/thread_siblings_list");
        if (Files.exists(list)) { // Not of a processor that is switched off.
          siblings.add(Files.readString(list).strip());
        }
      }
    } catch (IOException e) {
      return OptionalInt.empty();
    }
    return siblings.isEmpty() ? OptionalInt.empty() : OptionalInt.of(siblings.size());
  }
}
