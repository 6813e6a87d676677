package org.scorecam.error;

/** A picture, array, tensor or file given as input that cannot be used. */
public final class InputException extends ScoreCamException {
  private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   */
  public InputException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   * @param cause what was thrown below
   */
  public InputException(String message, Throwable cause) {
    super(message, cause);
  }
}
