package org.scorecam.kernel;

/** The threads that help one in operations of LibTorch's and of ours, which are OpenMP's. */
public final class HelpingThreads {
  private HelpingThreads() {}

  /**
   * Ends those of the calling thread. Left alone they spin for some milliseconds after its last
   * operation, on cores that the threads which go on might use; its next operation starts new ones.
   * Does nothing without the native library, or with an OpenMP other than GCC's.
   */
  public static void dismiss() {
    if (CpuKernels.LOADED.isThere()) {
      CpuBinding.scorecam_dismiss_threads();
    }
  }
}
