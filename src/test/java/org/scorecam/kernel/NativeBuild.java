package org.scorecam.kernel;

import org.junit.jupiter.api.Assumptions;

/** Whether the build under test has native kernels. */
public final class NativeBuild {
  private NativeBuild() {}

  /**
   * Skips a test in a build without them; in any other the kernels must load, or the test fails.
   */
  public static void require() {
    Assumptions.assumeFalse(
        "off".equals(System.getProperty("scorecam.native")),
        "built without native/ (-Dscorecam.native=off, or nothing to build it with), so no kernels");
  }
}
