package org.scorecam.runtime;

/**
 * Work that is timed, to choose between ways to do it. On the CPU one thread does it, as workers
 * do, and what counts is the time that it had a core: beside other processes, threads that wait for
 * each other would tell more of these than of the ways.
 *
 * <pre>{@code
 * try (TimedWork work = TimedWork.on(device)) {
 *   long start = work.nanoTime();
 *   …
 *   long taken = work.nanoTime() - start;
 * }
 * }</pre>
 */
public final class TimedWork implements AutoCloseable {
  private final DeviceMemory memory;
  private final boolean alone;
  private final LibTorchWork work;

  private TimedWork(Device device) {
    this.memory = DeviceMemory.of(device);
    this.alone = device.type() == Device.Type.CPU && LibTorch.countsForEachThread();
    this.work = alone ? LibTorchWork.beginAlone() : LibTorchWork.begin();
  }

  /**
   * Begins it.
   *
   * @param device that does what is timed
   * @return to be closed by this thread, before the works that it is within
   */
  public static TimedWork on(Device device) {
    return new TimedWork(device);
  }

  /**
   * Whether one thread does it.
   *
   * @return false where operations have all threads, or are a device's
   */
  public boolean isAlone() {
    return alone;
  }

  /**
   * The clock, read when the device has done what it was given.
   *
   * @return nanoseconds, to be compared with an earlier answer to this thread
   */
  public long nanoTime() {
    memory.finishWork();
    return alone ? CoreShare.nanoTime() : System.nanoTime();
  }

  /** Ends it. Closing again does nothing. */
  @Override
  public void close() {
    work.close();
  }
}
