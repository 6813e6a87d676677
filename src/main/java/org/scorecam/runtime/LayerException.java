package org.scorecam.runtime;

/** A layer that the network does not have, or whose output cannot be captured or explained. */
public final class LayerException extends ScoreCamException {
  private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   */
  public LayerException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   * @param cause what was thrown below
   */
  public LayerException(String message, Throwable cause) {
    super(message, cause);
  }
}
