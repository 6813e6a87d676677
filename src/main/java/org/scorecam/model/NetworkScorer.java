package org.scorecam.model;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeErrors;
import org.scorecam.runtime.NativeScope;

/** What all scorers share: float32, the layout of the device, and what is said of a failure. */
abstract class NetworkScorer implements Scorer, AutoCloseable {
  private final MemoryFormat memoryFormat;
  private volatile boolean closed;

  NetworkScorer(Device device) {
    // oneDNN's convolutions are fastest on channels-last; on CUDA that needs half precision.
    this.memoryFormat =
        device.type() == Device.Type.CPU ? MemoryFormat.ChannelsLast : MemoryFormat.Contiguous;
  }

  /** Runs the network; needs an open scope, which the output outlives. */
  abstract ModelOutput run(Tensor chunk);

  /** Frees the network as it was prepared for scoring. */
  abstract void free();

  @Override
  public final ModelOutput score(Tensor chunk) {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
    try (NativeScope scope = NativeScope.open()) {
      return NativeErrors.translate(
          () -> run(chunk), (words, e) -> InputRefusal.of(chunk, words, e));
    }
  }

  @Override
  public final ScalarType dtype() {
    return ScalarType.Float;
  }

  @Override
  public final MemoryFormat memoryFormat() {
    return memoryFormat;
  }

  @Override
  public final synchronized void close() {
    if (!closed) {
      closed = true;
      free();
    }
  }
}
