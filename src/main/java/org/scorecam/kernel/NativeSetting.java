package org.scorecam.kernel;

import static org.scorecam.kernel.CpuBinding.SCORECAM_STATUS_OK;

import java.util.function.Supplier;
import org.scorecam.error.NativeErrors;

/**
 * Asks the native library to set something. Apart from {@link Kernels}, which load LibTorch, since
 * that is what is being set up.
 */
final class NativeSetting {
  private NativeSetting() {}

  /**
   * What a call came to.
   *
   * @param status that the library returned
   * @param done what was done, if that is OK
   */
  record Outcome(int status, String done) {}

  /** What was done, or why nothing was. */
  static String apply(Supplier<Outcome> call) {
    try {
      CpuLibrary.load();
    } catch (LinkageError | RuntimeException e) {
      return "as it was (no native library: %s)".formatted(NativeErrors.messageOf(e));
    }
    Outcome outcome = call.get();
    return outcome.status == SCORECAM_STATUS_OK
        ? outcome.done
        : "as it was (%s)".formatted(CpuBinding.scorecam_last_message().getString());
  }
}
