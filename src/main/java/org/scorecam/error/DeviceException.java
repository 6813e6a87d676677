package org.scorecam.error;

/** A device that this machine or this build of LibTorch does not have. */
public final class DeviceException extends ScoreCamException {
  private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   */
  public DeviceException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   * @param cause what was thrown below
   */
  public DeviceException(String message, Throwable cause) {
    super(message, cause);
  }
}
