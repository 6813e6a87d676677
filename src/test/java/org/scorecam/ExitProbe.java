package org.scorecam;

import org.scorecam.runtime.LibTorchWork;

/** A process that exits with LibTorch loaded, or without, and during a work if told so. */
public final class ExitProbe {
  /**
   * System property: {@code on} for an exit during a work, {@code last} during that which lasts
   * until then, {@code unloaded} for one that LibTorch is not even loaded for.
   */
  static final String WORK = "exit.work";

  private ExitProbe() {}

  /** Exits with 0. */
  public static void main(String[] arguments) {
    String wanted = System.getProperty(WORK);
    if (!wanted.equals("unloaded")) {
      LibTorchWork work = LibTorchWork.begin();
      if (!wanted.equals("on")) {
        work.close();
      }
    }
    if (wanted.equals("last") || wanted.equals("unloaded")) {
      LibTorchWork.beginLast();
    }
    System.exit(0);
  }
}
