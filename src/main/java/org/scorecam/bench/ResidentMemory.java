package org.scorecam.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.Pointer;
import org.scorecam.runtime.LibTorch;

/** The physical memory of this process, native and Java together; see proc(5). */
public final class ResidentMemory {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final String NOW = "VmRSS:";
  private static final String HIGHEST = "VmHWM:";
  private static final long KIBIBYTE = 1024;
  private static final long SAMPLE_MILLIS = 1;

  private ResidentMemory() {}

  /**
   * What the process has now.
   *
   * @return bytes
   */
  public static long now() {
    // JavaCPP's own number leaves out pages of libraries, which the highest has.
    return line(NOW).orElseGet(ResidentMemory::nowByJavaCpp);
  }

  private static long nowByJavaCpp() {
    LibTorch.load();
    return Pointer.physicalBytes();
  }

  /**
   * The most that the process has had since its start.
   *
   * @return bytes, or nothing where the system does not say
   */
  static OptionalLong highest() {
    return line(HIGHEST);
  }

  /**
   * The most that the process has while some work runs, looked at every millisecond: what the
   * system keeps itself could only be set back for the whole process.
   *
   * @return bytes
   */
  static long peakOf(Runnable work) {
    AtomicLong peak = new AtomicLong(now());
    CountDownLatch done = new CountDownLatch(1);
    Thread watch = new Thread(() -> watch(peak, done), "resident memory");
    watch.setDaemon(true);
    watch.start();
    try {
      work.run();
    } finally {
      done.countDown();
    }
    return Math.max(peak.get(), now());
  }

  private static void watch(AtomicLong peak, CountDownLatch done) {
    try {
      while (!done.await(SAMPLE_MILLIS, TimeUnit.MILLISECONDS)) {
        peak.accumulateAndGet(now(), Math::max);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static OptionalLong line(String name) {
    try {
      return Files.readAllLines(STATUS).stream()
          .filter(line -> line.startsWith(name))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * KIBIBYTE)
          .findFirst();
    } catch (IOException e) {
      return OptionalLong.empty();
    }
  }
}
