package org.scorecam;

/** Is told how far an explanation has come. */
@FunctionalInterface
public interface ProgressListener {
  /**
   * Called after each chunk of masked inputs, by the thread that explains.
   *
   * @param scored masked inputs scored so far
   * @param total masked inputs of this explanation
   */
  void onProgress(long scored, long total);
}
