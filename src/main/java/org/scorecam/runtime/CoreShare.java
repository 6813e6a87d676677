package org.scorecam.runtime;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import org.bytedeco.pytorch.global.torch;

/**
 * How much of a core our threads had lately while they computed: less than a whole one where other
 * processes compute as well. Threads that wait for each other lose most there, since each waits
 * until the slowest had its turn.
 *
 * <pre>{@code
 * try (CoreShare share = CoreShare.measure()) { … }
 * }</pre>
 *
 * <p>A measurement belongs to the thread that began it, and is of what that thread itself computes.
 * Where LibTorch's operations have other threads to help it, it waits for these, and nothing is
 * measured. What was measured counts for the whole process.
 */
public final class CoreShare implements AutoCloseable {
  /** Short stretches say little: the system gives cores for some milliseconds at a time. */
  private static final long SHORTEST_NANOS = 2_000_000;

  /** A core that is ours alone is hardly less ours than this. */
  private static final double ENOUGH = 0.9;

  /** What a measurement counts beside those before it: on a busy machine some threads are lucky. */
  private static final double WEIGHT = 0.3;

  /** What was measured longer ago says nothing of now. */
  private static final long LATELY_NANOS = 10_000_000_000L;

  private static double known = 1;
  private static long knownSince = System.nanoTime();

  private final boolean alone = torch.get_num_threads() == 1;
  private final long computedBefore = nanoTime();
  private final long began = System.nanoTime();
  private boolean closed;

  private CoreShare() {}

  /** Loaded when it is first needed, which takes longer than a hundred measurements. */
  private static final class Threads {
    static final ThreadMXBean BEAN = ManagementFactory.getThreadMXBean();
    static final boolean TELL =
        BEAN.isCurrentThreadCpuTimeSupported() && BEAN.isThreadCpuTimeEnabled();
  }

  /**
   * A clock that only runs while the current thread has a core, so that what it computes alone
   * takes as long beside other processes as by itself.
   *
   * @return nanoseconds, to be compared with an earlier answer to this thread; of the usual clock
   *     where the system does not tell
   */
  public static long nanoTime() {
    return Threads.TELL ? Threads.BEAN.getCurrentThreadCpuTime() : System.nanoTime();
  }

  /**
   * Begins to measure the current thread.
   *
   * @return to be closed by this thread, when it has computed
   */
  public static CoreShare measure() {
    return new CoreShare();
  }

  /**
   * Whether somebody else has the cores as well.
   *
   * @return false where nothing was measured lately, or the system does not tell
   */
  public static boolean isScarce() {
    return lately() < ENOUGH;
  }

  /**
   * How many of some threads would have a core each.
   *
   * <p>n threads beside b others on n cores have s = n / (n + b) of one each, so that n - b = n (2
   * - 1/s) cores are left.
   *
   * @param threads at least 1
   * @return from 1 to as many
   */
  static int freeOf(int threads) {
    return freeOf(threads, lately());
  }

  /** The same for a share s of one core, above 0. */
  static int freeOf(int threads, double share) {
    return (int) Math.max(1, Math.min(threads, Math.round(threads * (2 - 1 / share))));
  }

  private static synchronized double lately() {
    return System.nanoTime() - knownSince > LATELY_NANOS ? 1 : known;
  }

  private static synchronized void takeIn(double share) {
    known = lately() + WEIGHT * (share - lately());
    knownSince = System.nanoTime();
  }

  /** Ends the measurement, which counts from now on. Closing again does nothing. */
  @Override
  public void close() {
    long nanos = System.nanoTime() - began;
    if (!closed && alone && nanos >= SHORTEST_NANOS) {
      takeIn(Math.min(1, (double) (nanoTime() - computedBefore) / nanos));
    }
    closed = true;
  }
}
