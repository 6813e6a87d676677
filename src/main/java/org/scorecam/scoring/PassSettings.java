package org.scorecam.scoring;

import java.util.Optional;
import java.util.OptionalLong;
import org.scorecam.error.DeviceException;
import org.scorecam.runtime.Device;

/**
 * What a builder can be told of the passes that its result will score: how many at once, in how
 * much memory, and whether they are queued in one call. No result depends on it.
 *
 * @param <B> the builder
 */
public abstract class PassSettings<B extends PassSettings<B>> {
  private int batch;
  private int workers;
  private int callers = 1;
  private OptionalLong memory = OptionalLong.empty();
  private boolean cudaGraphs;

  /** Nothing is said yet. */
  protected PassSettings() {}

  /**
   * The builder.
   *
   * @return this
   */
  protected abstract B self();

  /**
   * Sets how many masked inputs the network sees at once, if there are so many. Unless set, a short
   * probe of the network finds the number; see {@link #memory}.
   *
   * @param rows exactly so many, whatever they take
   * @return this builder
   * @throws IllegalArgumentException if it is less than 1
   */
  public final B batch(int rows) {
    if (rows < 1) {
      throw new IllegalArgumentException("batch must be at least 1 masked input, not " + rows);
    }
    this.batch = rows;
    return self();
  }

  /**
   * Sets how many chunks of masked inputs are scored beside each other on the CPU, if there are so
   * many. Each is scored by a daemon thread called {@code scorecam-worker-…}; together they share
   * the threads that are set for LibTorch, so that an operation of theirs has one or a few. Unless
   * set, there are as many as LibTorch has threads, or one where a probe shows that all threads are
   * faster together on one chunk after the other.
   *
   * @param most 1 to have all threads work on one chunk, called by the thread that explains
   * @return this builder
   * @throws IllegalArgumentException if it is less than 1
   */
  public final B workers(int most) {
    if (most < 1) {
      throw new IllegalArgumentException("there must be at least 1 worker, not " + most);
    }
    this.workers = most;
    return self();
  }

  /**
   * Sets how many chunks of masked inputs are scored beside each other for each of several threads
   * that explain at a time. With {@link #workers(int)} such threads share the workers.
   *
   * @param each as for {@link #workers(int)}
   * @param callers the threads that explain; together they have at most so many times the workers
   * @return this builder
   * @throws IllegalArgumentException if one of them is less than 1
   */
  public final B workers(int each, int callers) {
    if (callers < 1) {
      throw new IllegalArgumentException("there must be at least 1 caller, not " + callers);
    }
    workers(each);
    this.callers = callers;
    return self();
  }

  /**
   * Limits the memory of the chunks of masked inputs that are scored at a time, with the network's
   * activations for them, for each thread that explains. There is always at least one row.
   *
   * @param bytes on the model's device; a quarter of what is available when this builds, unless set
   * @return this builder
   * @throws IllegalArgumentException if it is less than 1
   */
  public final B memory(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException("memory must be at least 1 byte, not " + bytes);
    }
    this.memory = OptionalLong.of(bytes);
    return self();
  }

  /**
   * Has the network's run on a chunk recorded as a CUDA graph when a chunk is scored for the second
   * time, and replayed from then on: one call in place of one for each of the network's operations,
   * which is worth it where these are short. A recording takes as much memory again as the chunk
   * with its activations. If the network cannot be recorded, as where the host reads values of the
   * device in the midst of it, it is run as it is, and the {@link ChunkPlan#notes} say why.
   *
   * <p>This has not yet run on a GPU.
   *
   * @param replayed off unless set; on, where the network is on the CPU, a {@link DeviceException}
   *     is thrown when this builds
   * @return this builder
   */
  public final B cudaGraphs(boolean replayed) {
    this.cudaGraphs = replayed;
    return self();
  }

  /** What records chunks, if they are to be recorded. */
  Optional<Recorder> recorder(Device device) {
    if (!cudaGraphs) {
      return Optional.empty();
    }
    if (device.type() != Device.Type.CUDA) {
      throw new DeviceException("CUDA graphs need a CUDA device; the network is on " + device);
    }
    return Optional.of(run -> new CudaRecording(device, run));
  }

  /** 0 for as many as are fastest. */
  int rows() {
    return batch;
  }

  /** 0 for as many as are fastest. */
  int mostWorkers() {
    return workers;
  }

  /** Threads that are to have so many workers each; 1 to share them. */
  int callers() {
    return callers;
  }

  /** Bytes; nothing for the usual share. */
  OptionalLong memoryLimit() {
    return memory;
  }
}
