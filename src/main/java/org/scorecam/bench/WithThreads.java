package org.scorecam.bench;

import org.scorecam.runtime.LibTorch;

/** Another contestant with its own number of LibTorch's threads. */
public final class WithThreads implements Contestant {
  private final int threads;
  private final Contestant contestant;

  /**
   * Prepares.
   *
   * @param threads of one operation, at least 1
   * @param contestant is closed with this
   */
  public WithThreads(int threads, Contestant contestant) {
    this.threads = threads;
    this.contestant = contestant;
  }

  @Override
  public String name() {
    return contestant.name();
  }

  @Override
  public Lap run() {
    int before = LibTorch.threads();
    LibTorch.setThreads(threads);
    try {
      return contestant.run();
    } finally {
      LibTorch.setThreads(before);
    }
  }

  @Override
  public void close() {
    contestant.close();
  }
}
