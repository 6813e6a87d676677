package org.scorecam.zoo;

import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;

/** A view with the dimensions in another order. */
final class Permute extends Network {
  private final long[] dimensions;

  Permute(long... dimensions) {
    this.dimensions = dimensions;
  }

  @Override
  public Tensor forward(Tensor x) {
    return x.permute(dimensions);
  }
}
