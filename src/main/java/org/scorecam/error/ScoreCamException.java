package org.scorecam.error;

/**
 * The parent of every error that scorecam throws.
 *
 * <p>The message names the actual values, shapes and limits in one or two lines; what LibTorch
 * threw is kept as the cause and its C++ stack trace never enters the message.
 */
public abstract class ScoreCamException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  ScoreCamException(String message) {
    super(message);
  }

  ScoreCamException(String message, Throwable cause) {
    super(message, cause);
  }
}
