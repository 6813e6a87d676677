package org.scorecam.error;

/** Native memory, of the host or of a CUDA device, that could not be had. */
public final class NativeMemoryException extends ScoreCamException {
  private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   */
  public NativeMemoryException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   * @param cause what was thrown below
   */
  public NativeMemoryException(String message, Throwable cause) {
    super(message, cause);
  }
}
