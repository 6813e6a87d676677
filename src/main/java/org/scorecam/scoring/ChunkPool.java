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
 * used again by the next explanation of the same size.
 */
final class ChunkPool implements AutoCloseable {
  private final Queue<Tensor> idle = new ConcurrentLinkedQueue<>();
  private volatile boolean closed;

  /** A chunk [rows, C, H, W] as the scorer wants it, to be given back. */
  Tensor take(long[] shape, Scorer scorer, Device device) {
    Tensor chunk = idle.poll();
    if (chunk != null && fits(chunk, shape, scorer)) {
      return chunk;
    }
    if (chunk != null) {
      chunk.close();
    }
    return allocate(shape, scorer, device);
  }

  private static boolean fits(Tensor chunk, long[] shape, Scorer scorer) {
    return Arrays.equals(chunk.shape(), shape)
        && chunk.scalar_type().intern() == scorer.dtype().intern()
        && chunk.is_contiguous(Tensors.formatFor(scorer.memoryFormat(), shape.length));
  }

  /** A chunk [rows, C, H, W] as the scorer wants it, with no values yet; owned by the caller. */
  static Tensor allocate(long[] shape, Scorer scorer, Device device) {
    try (NativeScope scope = NativeScope.open()) {
      TensorOptions options =
          new TensorOptions(scorer.dtype()).device(new DeviceOptional(device.toTorch()));
      return NativeErrors.translate(
          () ->
              scope.keep(
                  torch.empty(
                      shape,
                      options,
                      new MemoryFormatOptional(
                          Tensors.formatFor(scorer.memoryFormat(), shape.length)))),
          (words, e) ->
              new NativeMemoryException(
                  "a chunk of masked inputs of shape %s cannot be allocated: %s"
                      .formatted(Arrays.toString(shape), words),
                  e));
    }
  }

  /** Keeps a chunk for the next explanation. */
  void giveBack(Tensor chunk) {
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
    for (Tensor chunk = idle.poll(); chunk != null; chunk = idle.poll()) {
      chunk.close();
    }
  }
}
