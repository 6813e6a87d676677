package org.scorecam.cli;

import java.io.Console;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.scorecam.ProgressListener;

/** A progress bar on a terminal; nothing where the output is piped. */
final class TerminalProgress implements ProgressListener {
  private static final int UPDATE_MILLIS = 200;

  private final Console terminal = System.console();
  private ProgressBar bar;

  @Override
  public void onProgress(long scored, long total) {
    if (terminal == null) {
      return;
    }
    if (bar == null) {
      bar =
          new ProgressBarBuilder()
              .setTaskName("masked inputs")
              .setInitialMax(total)
              .setUpdateIntervalMillis(UPDATE_MILLIS)
              .setStyle(ProgressBarStyle.ASCII)
              .build();
    }
    bar.stepTo(scored);
    if (scored == total) {
      bar.close();
      bar = null;
    }
  }
}
