package org.scorecam.kernel;

import static org.scorecam.kernel.CpuBinding.SCORECAM_STATUS_UNSUPPORTED;

import org.scorecam.runtime.SetUpStep;
import org.scorecam.runtime.Switch;

/**
 * The C library's allocator, set up for a network that runs on chunk after chunk.
 *
 * <p>glibc gives large blocks back to the system when they are freed, and every next batch pays for
 * faulting them in again, page by page. Told to keep them, it does not. Elsewhere there is nothing
 * to set.
 */
public final class Allocator implements SetUpStep {
  /** System property: {@code off} leaves the allocator as it is. */
  public static final String SETTING = "scorecam.allocator";

  private static final long MEBIBYTE = 1L << 20;

  /** Above what a network's activations take. Older versions of glibc refuse more than 32 MiB. */
  private static final long[] MMAP_THRESHOLDS = {1024 * MEBIBYTE, 32 * MEBIBYTE};

  private static final long TRIM_THRESHOLD = 2047 * MEBIBYTE;
  private static final long TOP_PAD = 64 * MEBIBYTE;

  /** For the service loader. */
  public Allocator() {}

  @Override
  public String name() {
    return "allocator";
  }

  @Override
  public String apply() {
    if (!Switch.isOn(SETTING)) {
      return Switch.leftAlone(SETTING);
    }
    return NativeSetting.apply(
        () -> {
          int status = SCORECAM_STATUS_UNSUPPORTED;
          for (long threshold : MMAP_THRESHOLDS) {
            status = CpuBinding.scorecam_tune_allocator(threshold, TRIM_THRESHOLD, TOP_PAD);
            if (status != SCORECAM_STATUS_UNSUPPORTED) {
              return new NativeSetting.Outcome(
                  status, "keeps blocks of up to %d MiB".formatted(threshold / MEBIBYTE));
            }
          }
          return new NativeSetting.Outcome(status, "");
        });
  }
}
