package org.scorecam.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.bytedeco.javacpp.Pointer;

/**
 * The physical memory of this process, native and Java together.
 *
 * <p>The peak is Linux's {@code VmHWM}, which its {@code clear_refs} sets back to the present; see
 * proc(5). Elsewhere there is no peak.
 */
public final class ResidentMemory {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path CLEAR_REFS = Path.of("/proc/self/clear_refs");
  private static final String FORGET_PEAK = "5";
  private static final String NOW = "VmRSS:";
  private static final String PEAK = "VmHWM:";
  private static final long KIBIBYTE = 1024;

  private ResidentMemory() {}

  /**
   * What the process has now.
   *
   * @return bytes
   */
  public static long now() {
    // JavaCPP's own number leaves out pages of libraries, which the peak has.
    return line(NOW).orElseGet(ResidentMemory::nowByJavaCpp);
  }

  private static long nowByJavaCpp() {
    LibTorch.load();
    return Pointer.physicalBytes();
  }

  /**
   * The most that the process has had since {@link #forgetPeak}, or since its start.
   *
   * @return bytes, or nothing where the system does not say
   */
  public static OptionalLong peak() {
    return line(PEAK);
  }

  /**
   * Sets the peak back to what the process has now.
   *
   * @return whether the system could do it
   */
  public static boolean forgetPeak() {
    try {
      Files.writeString(CLEAR_REFS, FORGET_PEAK);
      return true;
    } catch (IOException e) {
      return false;
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
