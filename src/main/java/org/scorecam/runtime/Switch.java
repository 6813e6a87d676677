package org.scorecam.runtime;

/** A system property that is {@code on} or {@code off}. */
public final class Switch {
  private static final String ON = "on";
  private static final String OFF = "off";

  private Switch() {}

  /**
   * Reads a switch that is on unless it is set.
   *
   * @param property its name
   * @return whether it is on
   * @throws IllegalArgumentException if it has another value
   */
  public static boolean isOn(String property) {
    return read(property, ON);
  }

  /**
   * Reads a switch that is off unless it is set.
   *
   * @param property its name
   * @return whether it is on
   * @throws IllegalArgumentException if it has another value
   */
  public static boolean isOnIfSet(String property) {
    return read(property, OFF);
  }

  private static boolean read(String property, String unlessSet) {
    String value = System.getProperty(property, unlessSet);
    if (!value.equals(ON) && !value.equals(OFF)) {
      throw new IllegalArgumentException("-D%s is on or off, not '%s'".formatted(property, value));
    }
    return value.equals(ON);
  }

  /**
   * What is said of a setting that a switch has left alone.
   *
   * @param property its name, which is set
   * @return for example {@code as it was (-Dscorecam.allocator=off)}
   */
  public static String leftAlone(String property) {
    return "as it was (-D%s=%s)".formatted(property, System.getProperty(property));
  }
}
