package org.scorecam.error;

/** A reduced precision that this machine does not have, or that was tried and refused. */
public final class PrecisionException extends ScoreCamException {
  private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what is wrong, with the actual names, figures and limits
   */
  public PrecisionException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what is wrong, with the actual names, figures and limits
   * @param cause what was thrown below
   */
  public PrecisionException(String message, Throwable cause) {
    super(message, cause);
  }
}
