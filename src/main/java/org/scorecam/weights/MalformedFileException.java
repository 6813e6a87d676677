package org.scorecam.weights;

import java.io.IOException;

/** A weight file that breaks its own format; {@link WeightFile#open} adds the file's name. */
final class MalformedFileException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Of the messages' length; the names in them are the file's, and may be anything. */
  private static final int MAX_MESSAGE = 1000;

  MalformedFileException(String message) {
    super(Printable.of(message, MAX_MESSAGE));
  }

  MalformedFileException(String message, Throwable cause) {
    super(Printable.of(message, MAX_MESSAGE), cause);
  }
}
