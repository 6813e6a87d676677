package org.scorecam.model;

import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Interceptor;
import org.scorecam.nn.Network;
import org.scorecam.runtime.Device;

/**
 * Runs a network of modules with each batch norm folded into the convolution before it.
 *
 * <p>Which batch norm follows which convolution is seen in the first chunk's pass; see {@link
 * BatchNormFolding}. The network itself is not changed.
 */
final class FoldedScorer extends NetworkScorer {
  private final Network network;
  private volatile BatchNormFolding folding;

  FoldedScorer(Network network, Device device) {
    super(device);
    this.network = network;
  }

  @Override
  ModelOutput run(Tensor chunk) {
    Tensor output = foldingFor(chunk).during(() -> network.call(chunk));
    return ModelOutput.of(output.<Tensor>retainReference());
  }

  private Interceptor foldingFor(Tensor chunk) {
    if (folding == null) {
      synchronized (this) {
        if (folding == null) {
          folding = BatchNormFolding.of(network, chunk.narrow(0, 0, 1), memoryFormat());
        }
      }
    }
    return folding;
  }

  @Override
  void free() {
    if (folding != null) {
      folding.close();
    }
  }
}
