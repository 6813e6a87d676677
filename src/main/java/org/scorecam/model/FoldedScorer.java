package org.scorecam.model;

import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;

/**
 * Runs a network of modules with convolutions, batch norms and activations folded together.
 *
 * <p>What follows what is seen in the first chunk's pass; see {@link ModuleFolding}. The network
 * itself is not changed.
 */
final class FoldedScorer extends NetworkScorer {
  private final Network network;
  private final Kind kind;
  private volatile ModuleFolding folding;

  FoldedScorer(Network network, Kind kind) {
    super(kind);
    this.network = network;
    this.kind = kind;
  }

  @Override
  ModelOutput run(Tensor chunk) {
    Tensor output = foldingFor(chunk).forOneRun().during(() -> network.call(chunk));
    return ModelOutput.of(output.<Tensor>retainReference());
  }

  private ModuleFolding foldingFor(Tensor chunk) {
    if (folding == null) {
      synchronized (this) {
        if (folding == null) {
          folding = ModuleFolding.of(network, chunk.narrow(0, 0, 1), kind);
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
