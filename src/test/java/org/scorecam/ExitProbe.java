package org.scorecam;

import org.scorecam.runtime.LibTorchWork;

/** A process that exits with LibTorch loaded, and during a work if told so. */
public final class ExitProbe {
  /** System property: {@code on} for an exit during a work. */
  static final String WORK = "exit.work";

  private ExitProbe() {}

  /** Exits with 0. */
  public static void main(String[] arguments) {
    LibTorchWork work = LibTorchWork.begin();
    if (!"on".equals(System.getProperty(WORK))) {
      work.close();
    }
    System.exit(0);
  }
}
