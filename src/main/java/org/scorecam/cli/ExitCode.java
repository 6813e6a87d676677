package org.scorecam.cli;

import org.scorecam.error.DeviceException;
import org.scorecam.error.GradientException;
import org.scorecam.error.InputException;
import org.scorecam.error.LayerException;
import org.scorecam.error.ModelException;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.error.PrecisionException;
import org.scorecam.error.TargetException;

/** What the process ends with. */
final class ExitCode {
  static final int DONE = 0;
  static final int OTHER = 1;
  static final int USAGE = 2;
  static final int BAD_INPUT = 3;
  static final int OUT_OF_MEMORY = 4;

  private ExitCode() {}

  static int of(Throwable thrown) {
    if (thrown instanceof NativeMemoryException || thrown instanceof OutOfMemoryError) {
      return OUT_OF_MEMORY;
    }
    boolean badInput =
        thrown instanceof ModelException
            || thrown instanceof LayerException
            || thrown instanceof TargetException
            || thrown instanceof InputException
            || thrown instanceof GradientException
            || thrown instanceof DeviceException
            || thrown instanceof PrecisionException;
    return badInput ? BAD_INPUT : OTHER;
  }
}
