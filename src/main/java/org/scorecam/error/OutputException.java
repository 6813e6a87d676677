package org.scorecam.error;

/** A result that cannot be written. */
public final class OutputException extends ScoreCamException {
  private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   */
  public OutputException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   * @param cause what was thrown below
   */
  public OutputException(String message, Throwable cause) {
    super(message, cause);
  }
}
