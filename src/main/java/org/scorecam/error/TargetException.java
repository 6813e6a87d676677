package org.scorecam.error;

/**
 * A class, cell or output that the network's output does not have, or scores of the wrong shape.
 */
public final class TargetException extends ScoreCamException {
  private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   */
  public TargetException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   * @param cause what was thrown below
   */
  public TargetException(String message, Throwable cause) {
    super(message, cause);
  }
}
