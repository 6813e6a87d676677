package org.scorecam.cli;

import java.io.PrintWriter;
import org.scorecam.mask.Maskers;
import org.scorecam.runtime.Diagnostics;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
    name = "diagnostics",
    description =
        "Shows versions, platform, threads and devices, and suggests what could be set up better.",
    mixinStandardHelpOptions = true)
final class DiagnosticsCommand implements Runnable {
  /** Wider than the longest name. */
  private static final String FACT = "%-25s%s%n";

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    PrintWriter out = spec.commandLine().getOut();
    Diagnostics found = Diagnostics.collect();
    found.facts().forEach((name, value) -> out.printf(FACT, name, value));
    out.printf(FACT, "masker", Maskers.preferred().description());
    found.advice().forEach(sentence -> out.printf(FACT, "advice", sentence));
  }
}
