package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import org.scorecam.runtime.Findings;

/** A run of the program inside the tests' own JVM. */
record CommandLineRun(int exitCode, String out, String err) {
  static {
    // Not the user's own.
    if (System.getProperty(Findings.FOLDER) == null) {
      System.setProperty(Findings.FOLDER, "off");
    }
  }

  static CommandLineRun of(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    String[] words = Arrays.stream(arguments).map(Object::toString).toArray(String[]::new);
    int exitCode = Program.run(new PrintWriter(out, true), new PrintWriter(err, true), words);
    return new CommandLineRun(exitCode, out.toString(), err.toString());
  }

  /** Asserts that the run did what it was asked for, and had nothing to say of it. */
  CommandLineRun assertDone() {
    assertEquals("", err);
    assertEquals(ExitCode.DONE, exitCode);
    return this;
  }

  /** Asserts that the run failed with one or two lines that name the reason. */
  CommandLineRun assertFails(int expected, String... reasons) {
    assertEquals(expected, exitCode, err);
    for (String reason : reasons) {
      assertTrue(err.contains(reason), () -> "no '" + reason + "' in: " + err);
    }
    assertTrue(err.startsWith("scorecam: "), err);
    assertTrue(err.lines().count() <= 2, err);
    assertFalse(err.contains("Exception raised from"), err);
    assertFalse(err.contains("frame #"), err);
    assertFalse(err.contains("\tat "), err);
    assertEquals("", out);
    return this;
  }

  /** Asserts that the command line was not understood: a message, then how it is used. */
  CommandLineRun assertMisused(String... reasons) {
    assertEquals(ExitCode.USAGE, exitCode, err);
    for (String reason : reasons) {
      assertTrue(err.contains(reason), () -> "no '" + reason + "' in: " + err);
    }
    assertFalse(err.contains("\tat "), err);
    return this;
  }
}
