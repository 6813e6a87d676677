package org.scorecam.error;

/** A native library that is missing or does not fit this machine. */
public final class NativeLibraryException extends ScoreCamException {
  private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   */
  public NativeLibraryException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   * @param cause what was thrown below
   */
  public NativeLibraryException(String message, Throwable cause) {
    super(message, cause);
  }
}
