package org.scorecam.error;

/** A model file that cannot be read, is no network scorecam can run, or fails while running. */
public final class ModelException extends ScoreCamException {
  private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   */
  public ModelException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   * @param cause what was thrown below
   */
  public ModelException(String message, Throwable cause) {
    super(message, cause);
  }
}
