package org.scorecam.model;

import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.runtime.Device;

/**
 * Runs a network of modules with convolutions, batch norms and activations folded together.
 *
 * <p>What follows what is seen in a pass before the first chunk's; see {@link ModuleFolding}. The
 * network itself is not changed.
 */
final class FoldedScorer extends NetworkScorer {
  private final Network network;
  private final Device device;
  private final Kind kind;
  private volatile ModuleFolding folding;

  FoldedScorer(Network network, Device device, Kind kind) {
    super(kind);
    this.network = network;
    this.device = device;
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
          // Not a row of the chunk, which may be black: then nothing that differs would show.
          Tensor sample = ProbeInput.of(device, InputShape.ofRowsIn(chunk).batchOf(1));
          folding = ModuleFolding.of(network, sample, kind);
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
