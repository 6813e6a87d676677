package org.scorecam.model;

import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.ModelException;
import org.scorecam.runtime.NativeErrors;
import org.scorecam.runtime.NativeScope;

/** A frozen copy of a TorchScript network: parameters are constants, batch norms are folded. */
final class FrozenScorer implements Scorer, AutoCloseable {
  private final JitModule frozen;
  private final MemoryFormat memoryFormat;
  private volatile boolean closed;

  private FrozenScorer(JitModule frozen, MemoryFormat memoryFormat) {
    this.frozen = frozen;
    this.memoryFormat = memoryFormat;
  }

  /** Freezes a copy; the module itself stays as it is. */
  static FrozenScorer of(JitModule module, Device device) {
    try (NativeScope scope = NativeScope.open()) {
      JitModule frozen =
          NativeErrors.translate(
              () -> torch.freeze(module),
              (words, e) -> new ModelException("the network cannot be frozen: " + words, e));
      // oneDNN's convolutions are fastest on channels-last; on CUDA that needs half precision.
      MemoryFormat format =
          device.type() == Device.Type.CPU ? MemoryFormat.ChannelsLast : MemoryFormat.Contiguous;
      return new FrozenScorer(scope.keep(frozen), format);
    }
  }

  @Override
  public ModelOutput score(Tensor chunk) {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
    try (NativeScope scope = NativeScope.open()) {
      return NativeErrors.translate(
          () -> ModelOutput.of(frozen.forward(new IValueVector(new IValue(chunk)))),
          (words, e) -> InputRefusal.of(chunk, words, e));
    }
  }

  @Override
  public ScalarType dtype() {
    return ScalarType.Float;
  }

  @Override
  public MemoryFormat memoryFormat() {
    return memoryFormat;
  }

  @Override
  public void close() {
    closed = true;
    frozen.close();
  }
}
