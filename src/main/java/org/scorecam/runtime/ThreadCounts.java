package org.scorecam.runtime;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.openblas.presets.openblas_nolapack.MklSetNumThreadsLocal;
import org.bytedeco.openblas.presets.openblas_nolapack.SetNumThreads;
import org.bytedeco.pytorch.global.torch;

/**
 * The numbers of threads that OpenMP keeps for each thread, and OpenBLAS for the whole process.
 *
 * <p>LibTorch's own function sets that of the calling thread, but also the one that new threads of
 * the process start with, which is not ours to change and cannot be read. So OpenMP's is called,
 * and LibTorch's only where that one does not reach LibTorch. Neither has a binding: the presets'
 * function pointers have the right signatures.
 */
final class ThreadCounts {
  private static final String OPENMP = "omp_set_num_threads";
  private static final String OPENBLAS = "openblas_set_num_threads_local";

  /** Null where LibTorch's is called. */
  private final VoidOfInt openMp;

  /** Sets a number and returns the one before; null where the BLAS is not OpenBLAS. */
  private final IntOfInt openBlas;

  private static final class VoidOfInt extends SetNumThreads {
    VoidOfInt(Pointer function) {
      put(function);
    }
  }

  private static final class IntOfInt extends MklSetNumThreadsLocal {
    IntOfInt(Pointer function) {
      put(function);
    }
  }

  /** Looks for the functions; LibTorch must be loaded. */
  ThreadCounts() {
    // Neither is freed with a scope that happens to be open.
    try (PointerScope scope = new PointerScope()) {
      Pointer openBlasFunction = Loader.addressof(OPENBLAS);
      openBlas = openBlasFunction == null ? null : new IntOfInt(openBlasFunction).retainReference();
      Pointer openMpFunction = Loader.addressof(OPENMP);
      VoidOfInt setting =
          openMpFunction == null ? null : new VoidOfInt(openMpFunction).retainReference();
      openMp = setting != null && reachesLibTorch(setting) ? setting : null;
    }
  }

  /** A process may have several OpenMP runtimes. */
  private static boolean reachesLibTorch(VoidOfInt setting) {
    int before = torch.get_num_threads();
    setting.call(before + 1);
    boolean reached = torch.get_num_threads() == before + 1;
    setting.call(before);
    return reached;
  }

  /** The threads that an operation of LibTorch's has if this thread calls it. */
  int ofThisThread() {
    return torch.get_num_threads();
  }

  void setOfThisThread(int threads) {
    if (openMp == null) {
      torch.set_num_threads(threads);
    } else {
      // LibTorch sets OpenMP's number when a thread first asks it for that.
      torch.get_num_threads();
      openMp.call(threads);
    }
  }

  /** Whether one thread's number can be set and no other thread notices. */
  boolean areOfEachThread() {
    return openMp != null;
  }

  boolean hasOpenBlas() {
    return openBlas != null;
  }

  int ofOpenBlas() {
    // There is no other way to read it from here.
    int threads = openBlas.call(1);
    openBlas.call(threads);
    return threads;
  }

  void setOfOpenBlas(int threads) {
    openBlas.call(threads);
  }
}
