package org.scorecam.cli;

import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.scorecam.ProgressListener;
import picocli.CommandLine.Help.Ansi;

/** A progress bar on a terminal; nothing where the output is piped. */
final class TerminalProgress implements ProgressListener {
  private static final int UPDATE_MILLIS = 200;

  /** Not System.console(), which since JDK 22 is there without a terminal as well. */
  private final boolean terminal = Ansi.AUTO.enabled();

  private final String what;

  private ProgressBar bar;

  /**
   * Shows nothing yet.
   *
   * @param what is counted
   */
  TerminalProgress(String what) {
    this.what = what;
  }

  @Override
  public synchronized void onProgress(long scored, long total) {
    if (!terminal) {
      return;
    }
    if (bar == null) {
      bar =
          new ProgressBarBuilder()
              .setTaskName(what)
              .setInitialMax(total)
              .setUpdateIntervalMillis(UPDATE_MILLIS)
              .setStyle(ProgressBarStyle.ASCII)
              .build();
    }
    bar.maxHint(total); // It grows where several devices share the work.
    bar.stepTo(scored);
    if (scored == total) {
      clear();
    }
  }

  /** Ends the bar's line, so that something can be printed; progress starts a new one. */
  synchronized void clear() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }
}
