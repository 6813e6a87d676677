package org.scorecam.scoring;

import java.util.Arrays;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * The memory that masked inputs are written to: one chunk for each thread that explains at a time,
 * used again by the next explanation of the same size. A chunk is used on the stream alone on which
 * it was allocated: what comes next there is done after what came before, so that nobody waits.
 */
final class ChunkPool implements AutoCloseable {
  private final ChunkRecorder recorder;
  private final Queue<Chunk> idle = new ConcurrentLinkedQueue<>();
  private volatile boolean closed;

  ChunkPool(ChunkRecorder recorder) {
    this.recorder = recorder;
  }

  /**
   * A chunk [rows, C, H, W] as the scorer wants it, to be given back.
   *
   * @param stream the current one: {@link org.scorecam.runtime.DeviceMemory#stream}
   */
  Chunk take(long[] shape, Scorer scorer, Device device, long stream) {
    Chunk last = idle.poll();
    if (last != null && last.stream() == stream && fits(last.rows(), shape, scorer)) {
      return last;
    }
    if (last != null) {
      last.close();
    }
    return new Chunk(allocate(shape, scorer, device), stream, recorder);
  }

  private static boolean fits(Tensor chunk, long[] shape, Scorer scorer) {
    return Arrays.equals(chunk.shape(), shape)
        && chunk.scalar_type().intern() == scorer.dtype().intern()
        && chunk.is_contiguous(Tensors.formatFor(scorer.memoryFormat(), shape.length));
  }

  /**
   * A chunk [rows, C, H, W] as the scorer wants it; owned by the caller. Its rows are black: those
   * that are not filled run through the network beside the others, and NaN in them, as memory may
   * hold from before, would reach the others where the network takes a mean over all rows.
   */
  static Tensor allocate(long[] shape, Scorer scorer, Device device) {
    try (NativeScope scope = NativeScope.open()) {
      TensorOptions options =
          new TensorOptions(scorer.dtype()).device(new DeviceOptional(device.toTorch()));
      return NativeErrors.translate(
          () ->
              scope.keep(
                  torch
                      .empty(
                          shape,
                          options,
                          new MemoryFormatOptional(
                              Tensors.formatFor(scorer.memoryFormat(), shape.length)))
                      .zero_()),
          (words, e) ->
              new NativeMemoryException(
                  "a chunk of masked inputs of shape %s cannot be allocated: %s"
                      .formatted(Arrays.toString(shape), words),
                  e));
    }
  }

  /** Keeps a chunk for the next explanation on its stream. */
  void giveBack(Chunk chunk) {
    idle.add(chunk);
    if (closed) {
      close();
    }
  }

  @Override
  public void close() {
    closed = true;
    clear();
  }

  /** Frees the chunks that nobody uses. */
  void clear() {
    for (Chunk each = idle.poll(); each != null; each = idle.poll()) {
      each.close();
    }
  }
}
