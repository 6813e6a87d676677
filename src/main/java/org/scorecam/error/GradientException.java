package org.scorecam.error;

/** A score or a layer that has no gradient, where a method or a choice of channels needs one. */
public final class GradientException extends ScoreCamException {
  private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what is wrong, with the actual names, figures and limits
   */
  public GradientException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what is wrong, with the actual names, figures and limits
   * @param cause what was thrown below
   */
  public GradientException(String message, Throwable cause) {
    super(message, cause);
  }
}
