package org.scorecam.tensor;

/**
 * Counts how often values were asked for on the host, each of which a CUDA device is waited for.
 */
public final class HostReads {
  private HostReads() {}

  /**
   * Runs something and counts.
   *
   * @param work what does all it does with the device before it returns
   * @return how often it called {@link Tensors#onHost}
   */
  public static long during(Runnable work) {
    long before = Tensors.reads();
    work.run();
    return Tensors.reads() - before;
  }
}
