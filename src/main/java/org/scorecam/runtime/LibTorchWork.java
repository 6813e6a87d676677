package org.scorecam.runtime;

import java.nio.LongBuffer;

/**
 * Work of ours with LibTorch: while it lasts, what LibTorch and its BLAS read at each call is as
 * {@link LibTorchSettings} says; when it is over, it is what it was. Explaining, warming up,
 * scoring and running a network are such works by themselves; a program opens one only for what it
 * computes with LibTorch itself and wants computed as we do.
 *
 * <pre>{@code
 * try (LibTorchWork work = LibTorchWork.begin()) { … }
 * }</pre>
 *
 * <p>The number of threads belongs to the thread that works: it is that of the cores which are free
 * ({@link CoreShare}), unless {@link LibTorch#setThreads} or the system property named one. All
 * else belongs to the process, where the first of several stretches that overlap sets it and the
 * last gives it back. A value that somebody else sets meanwhile stays.
 *
 * <p>Stretches nest; each belongs to the thread that began it. A nested one costs next to nothing,
 * the outermost some microseconds.
 */
public final class LibTorchWork implements AutoCloseable {
  private static final ThreadLocal<OfThread> OPEN = new ThreadLocal<>();

  private final OfThread thread;
  private final boolean tensorFloat32;

  /** The number of threads of the work around one that is alone; else null. */
  private Borrowed<Integer> alone;

  private boolean closed;

  /** What a thread has open. */
  private static final class OfThread {
    private final Thread owner = Thread.currentThread();
    private int works;

    /** Null where the number of threads is left alone. */
    private Borrowed<Integer> threads;

    /** What it would be if all cores were free; 0 where it is that. */
    private int threadsOfFreeCores;

    /**
     * As many as are set for all, or, if nobody named a number, as cores are free; 0 to keep it.
     */
    private int wantedThreads() {
      int wanted = LibTorch.wantedThreads();
      if (LibTorch.hasGivenThreads()) {
        return wanted;
      }
      int all = wanted > 0 ? wanted : LibTorch.threadCounts().ofThisThread();
      int free = CoreShare.freeOf(all);
      if (free == all) {
        return wanted;
      }
      threadsOfFreeCores = all;
      return free;
    }
  }

  private LibTorchWork(OfThread thread, boolean tensorFloat32) {
    this.thread = thread;
    this.tensorFloat32 = tensorFloat32;
    thread.works++;
  }

  /**
   * Begins a stretch of our work, loading LibTorch if nothing has yet.
   *
   * @return to be closed by this thread
   */
  public static LibTorchWork begin() {
    return new LibTorchWork(ofThisThread(0), false);
  }

  /**
   * Begins a stretch in which the operations that this thread calls have a number of threads of
   * their own, whatever is set for others. Within another work of this thread its number stays.
   *
   * @param threads of one operation, at least 1; only where {@link LibTorch#countsForEachThread}
   * @return to be closed by this thread
   */
  public static LibTorchWork begin(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + threads);
    }
    return new LibTorchWork(ofThisThread(threads), false);
  }

  /**
   * Begins a stretch in which the operations that this thread calls have no other threads to help,
   * also within another stretch of this thread; only where {@link LibTorch#countsForEachThread}.
   *
   * @return to be closed by this thread, before those that it is within
   */
  public static LibTorchWork beginAlone() {
    LibTorchWork work = begin();
    try {
      work.alone = borrowed(1);
      return work;
    } catch (RuntimeException | Error e) {
      work.close();
      throw e;
    }
  }

  /** This thread's number, which is another one until it is given back. */
  private static Borrowed<Integer> borrowed(int threads) {
    ThreadCounts counts = LibTorch.threadCounts();
    Borrowed<Integer> number = new Borrowed<>(counts::ofThisThread, counts::setOfThisThread);
    number.take(theirs -> threads);
    return number;
  }

  /**
   * Begins a stretch in which CUDA devices may round the factors of float32 products to TF32's 10
   * bits of mantissa. LibTorch has one switch for the process, so that works of different precision
   * that overlap get the one or the other.
   *
   * @return to be closed by this thread
   */
  public static LibTorchWork beginInTensorFloat32() {
    LibTorchWork work = begin();
    try {
      LibTorch.values().allowTensorFloat32();
      return new LibTorchWork(work.thread, true);
    } finally {
      work.close();
    }
  }

  /**
   * Begins a stretch that lasts until the process is gone, so that it exits at once, as {@link
   * #inProgress} has it: destroying LibTorch's static objects takes longer than some networks'
   * passes. For a program whose process is its own, just before it exits; does nothing where
   * LibTorch is not loaded.
   */
  public static void beginLast() {
    if (LibTorch.isLoaded()) {
      ofThisThread(0).works++;
    }
  }

  /**
   * How many threads of the process are at it.
   *
   * @return one number, always up to date, in native memory that is there until the process is gone
   */
  public static LongBuffer inProgress() {
    return LibTorch.values().working();
  }

  /** The thread's works, begun if there is none; with 0 as many threads as are set for all. */
  private static OfThread ofThisThread(int ownThreads) {
    OfThread thread = OPEN.get();
    if (thread != null) {
      return thread;
    }
    thread = new OfThread();
    ProcessValues values = LibTorch.values();
    values.enter();
    try {
      int wanted = ownThreads > 0 ? ownThreads : thread.wantedThreads();
      if (wanted > 0) {
        thread.threads = borrowed(wanted);
      }
      OPEN.set(thread);
      return thread;
    } catch (RuntimeException | Error e) {
      values.leave();
      throw e;
    }
  }

  /** What this thread's number would be if all cores were free; 0 where it is that. */
  static int threadsOfFreeCores() {
    OfThread thread = OPEN.get();
    return thread == null ? 0 : thread.threadsOfFreeCores;
  }

  /**
   * Ends it. Closing again does nothing.
   *
   * @throws IllegalStateException if another thread began it
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    if (thread.owner != Thread.currentThread()) {
      throw new IllegalStateException("a LibTorchWork must be closed by the thread that began it");
    }
    closed = true;
    thread.works--;
    try {
      if (alone != null) {
        alone.giveBack();
      }
      if (tensorFloat32) {
        LibTorch.values().forbidTensorFloat32();
      }
    } finally {
      if (thread.works == 0) {
        end();
      }
    }
  }

  private void end() {
    OPEN.remove();
    try {
      if (thread.threads != null) {
        thread.threads.giveBack();
      }
    } finally {
      LibTorch.values().leave();
    }
  }
}
