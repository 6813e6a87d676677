package org.scorecam.kernel;

import java.nio.LongBuffer;
import org.scorecam.runtime.LibTorchSettings;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.SetUpStep;

/**
 * A JVM that exits, be it by {@link System#exit}, a signal or the end of {@code main}, does not
 * wait for threads that are inside native code. LibTorch's static objects would be destroyed under
 * those that explain, and the process crash in place of exiting with its status.
 */
public final class ExitDuringWork implements SetUpStep {
  private static final System.Logger LOG = System.getLogger(ExitDuringWork.class.getName());

  /** For the service loader. */
  public ExitDuringWork() {}

  @Override
  public String name() {
    return "exit during work";
  }

  @Override
  public String apply(LibTorchSettings settings) {
    return NativeSetting.apply(
        () -> {
          int status = CpuBinding.scorecam_exit_at_once_while((LongBuffer) null);
          if (status == CpuBinding.SCORECAM_STATUS_OK) {
            addHook();
          }
          return new NativeSetting.Outcome(status, "at once");
        });
  }

  private static void addHook() {
    try {
      Runtime.getRuntime().addShutdownHook(new Thread(ExitDuringWork::arrange, "scorecam-exit"));
    } catch (IllegalStateException e) {
      // The process exits already; whoever loads LibTorch now has other worries.
      LOG.log(System.Logger.Level.DEBUG, "too late for a hook", e);
    }
  }

  /** In a hook, since only what is registered last goes first. */
  private static void arrange() {
    CpuBinding.scorecam_exit_at_once_while(LibTorchWork.inProgress());
  }
}
