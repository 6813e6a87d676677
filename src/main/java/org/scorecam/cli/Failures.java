package org.scorecam.cli;

import java.util.ArrayList;
import java.util.List;
import org.scorecam.error.GradientException;
import org.scorecam.error.LayerException;
import org.scorecam.error.TargetException;
import picocli.CommandLine;

/** The pictures that could not be done, each told at once; the exit code is the first one's. */
final class Failures {
  private final CommandLine command;
  private final TerminalProgress progress;
  private final List<RuntimeException> failures = new ArrayList<>();

  Failures(CommandLine command, TerminalProgress progress) {
    this.command = command;
    this.progress = progress;
  }

  /**
   * Tells of a picture that failed, while others go on.
   *
   * @param anyDone whether another was done
   * @return the reason
   * @throws RuntimeException the failure, if what is asked for does not fit the network, so that
   *     the others would fail as well
   */
  String add(String name, RuntimeException failure, boolean anyDone) {
    boolean ofTheQuestion =
        failure instanceof TargetException
            || failure instanceof LayerException
            || failure instanceof GradientException;
    if (ofTheQuestion && !anyDone) {
      throw failure;
    }
    String reason = Program.messageOf(failure);
    progress.clear();
    Program.printFailure(command, reason.contains(name) ? reason : name + ": " + reason, failure);
    failures.add(failure);
    return reason;
  }

  /** Says how many of several pictures failed, if any did. */
  void printCount(int pictures, String what) {
    if (!failures.isEmpty() && pictures > 1) {
      command
          .getErr()
          .printf("scorecam: %d of %d pictures could not be %s%n", failures.size(), pictures, what);
    }
  }

  int exitCode() {
    return failures.isEmpty() ? ExitCode.DONE : ExitCode.of(failures.get(0));
  }
}
