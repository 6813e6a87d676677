package org.scorecam.model;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.nn.Interceptor;
import org.scorecam.nn.Network;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeErrors;
import org.scorecam.runtime.NativeScope;

/**
 * Runs a network of modules with each batch norm folded into the convolution before it.
 *
 * <p>Which batch norm follows which convolution is seen in the first chunk's pass; see {@link
 * BatchNormFolding}. The network itself is not changed.
 */
final class FoldedScorer implements Scorer, AutoCloseable {
  private final Network network;
  private final MemoryFormat memoryFormat;
  private volatile BatchNormFolding folding;

  FoldedScorer(Network network, Device device) {
    this.network = network;
    this.memoryFormat =
        device.type() == Device.Type.CPU ? MemoryFormat.ChannelsLast : MemoryFormat.Contiguous;
  }

  @Override
  public ModelOutput score(Tensor chunk) {
    try (NativeScope scope = NativeScope.open()) {
      return NativeErrors.translate(
          () -> {
            Tensor output = foldingFor(chunk).during(() -> network.call(chunk));
            return ModelOutput.of(output.<Tensor>retainReference());
          },
          (words, e) -> InputRefusal.of(chunk, words, e));
    }
  }

  private Interceptor foldingFor(Tensor chunk) {
    if (folding == null) {
      synchronized (this) {
        if (folding == null) {
          folding = BatchNormFolding.of(network, chunk.narrow(0, 0, 1), memoryFormat);
        }
      }
    }
    return folding;
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
    if (folding != null) {
      folding.close();
    }
  }
}
