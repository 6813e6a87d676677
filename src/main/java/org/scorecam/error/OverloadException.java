package org.scorecam.error;

/** More pictures than may wait: what was asked was not begun, and may be asked again later. */
public final class OverloadException extends ScoreCamException {
  private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what is wrong, with the actual figures and limits
   */
  public OverloadException(String message) {
    super(message);
  }
}
