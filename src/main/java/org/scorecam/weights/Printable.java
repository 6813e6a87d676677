package org.scorecam.weights;

/** Text from files, made fit for messages: a hostile one may be long, or forge lines of a log. */
final class Printable {
  private Printable() {}

  /** The text on one line, without control characters, and no longer than said. */
  static String of(String text, int maxLength) {
    String start = text.length() <= maxLength ? text : text.substring(0, maxLength) + "…";
    return start.replaceAll("\\p{Cntrl}", "?");
  }
}
