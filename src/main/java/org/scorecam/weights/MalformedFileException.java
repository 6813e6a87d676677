package org.scorecam.weights;

import java.io.IOException;

/** A weight file that breaks its own format; {@link WeightFile#open} adds the file's name. */
final class MalformedFileException extends IOException {
  private static final long serialVersionUID = 1L;

  MalformedFileException(String message) {
    super(message);
  }

  MalformedFileException(String message, Throwable cause) {
    super(message, cause);
  }
}
