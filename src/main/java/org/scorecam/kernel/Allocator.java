package org.scorecam.kernel;

import static org.scorecam.kernel.CpuBinding.SCORECAM_STATUS_NOT_APPLICABLE;
import static org.scorecam.kernel.CpuBinding.SCORECAM_STATUS_OK;
import static org.scorecam.kernel.CpuBinding.SCORECAM_STATUS_UNSUPPORTED;

import org.scorecam.runtime.NativeLibraryException;

/**
 * The C library's allocator, set up for a network that runs on chunk after chunk.
 *
 * <p>glibc gives large blocks back to the system when they are freed, and every next batch pays for
 * faulting them in again, page by page. Told to keep them, it does not. Elsewhere there is nothing
 * to set.
 */
public final class Allocator {
  /** System property: {@code off} leaves the allocator as it is. */
  public static final String SETTING = "scorecam.allocator";

  private static final long MEBIBYTE = 1L << 20;

  /** Above what a network's activations take. Older versions of glibc refuse more than 32 MiB. */
  private static final long[] MMAP_THRESHOLDS = {1024 * MEBIBYTE, 32 * MEBIBYTE};

  private static final long TRIM_THRESHOLD = 2047 * MEBIBYTE;
  private static final long TOP_PAD = 64 * MEBIBYTE;

  private static String applied;

  private Allocator() {}

  /**
   * Sets the allocator up for the whole process; from the second call on does nothing. Without the
   * native library it stays as it is.
   *
   * @return what was done, in words
   */
  public static synchronized String tune() {
    if (applied == null) {
      applied = apply();
    }
    return applied;
  }

  private static String apply() {
    String setting = System.getProperty(SETTING, "on");
    if (setting.equals("off")) {
      return "as it was (-D" + SETTING + "=off)";
    }
    if (!setting.equals("on")) {
      throw new IllegalArgumentException("-D%s is on or off, not '%s'".formatted(SETTING, setting));
    }
    Kernels kernels;
    try {
      kernels = Kernels.cpu();
    } catch (NativeLibraryException e) {
      return "as it was (no native library)";
    }
    for (long threshold : MMAP_THRESHOLDS) {
      int status = CpuBinding.scorecam_tune_allocator(threshold, TRIM_THRESHOLD, TOP_PAD);
      if (status == SCORECAM_STATUS_OK) {
        return "keeps blocks of up to %d MiB".formatted(threshold / MEBIBYTE);
      }
      if (status == SCORECAM_STATUS_NOT_APPLICABLE) {
        return "as it was (not glibc's)";
      }
      if (status != SCORECAM_STATUS_UNSUPPORTED) {
        kernels.check(status);
      }
    }
    return "as it was (glibc refused)";
  }
}
