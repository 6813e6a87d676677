package org.scorecam.runtime;

/** A system property that is {@code on} or {@code off}, and on unless it is set. */
public final class Switch {
  private static final String ON = "on";
  private static final String OFF = "off";

  private Switch() {}

  /**
   * Reads a switch.
   *
   * @param property its name
   * @return whether it is on
   * @throws IllegalArgumentException if it has another value
   */
  public static boolean isOn(String property) {
    String value = System.getProperty(property, ON);
    if (!value.equals(ON) && !value.equals(OFF)) {
      throw new IllegalArgumentException("-D%s is on or off, not '%s'".formatted(property, value));
    }
    return value.equals(ON);
  }

  /**
   * What is said of a setting that was left alone.
   *
   * @param property its name
   * @return for example {@code as it was (-Dscorecam.nnpack=off)}
   */
  public static String leftAlone(String property) {
    return "as it was (-D%s=%s)".formatted(property, OFF);
  }
}
