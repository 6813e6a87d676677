package org.scorecam;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.function.Supplier;

/** Finds work that allocates more of the Java heap than it may, as the fuzz targets ask. */
public final class HeapUse {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /**
   * The first time may load classes, and Jazzer's bookkeeping of new coverage, which may fall into
   * any call, counts as the thread's own: what the work itself needs is the least of several times.
   */
  private static final int TRIES = 8;

  private HeapUse() {}

  /**
   * Does work, again if it seemed to allocate too much.
   *
   * @param limit bytes of the Java heap
   * @param length bytes of the file that is read
   * @param work has the same result each time
   * @return its result
   * @throws AssertionError if it always allocates more than the limit
   */
  public static <T> T within(long limit, int length, Supplier<T> work) {
    long least = Long.MAX_VALUE;
    T result = null;
    for (int i = 0; i < TRIES && least > limit; i++) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      result = work.get();
      least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
    }
    if (least > limit) {
      throw new AssertionError(length + " bytes of file took " + least + " bytes of Java heap");
    }
    return result;
  }
}
