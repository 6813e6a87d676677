package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.averagePoolTo;
import static org.scorecam.zoo.Layers.conv;

import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;

/**
 * Scales each channel by what a small network says of all channels' means, of Hu et al.,
 * "Squeeze-and-Excitation Networks" (arXiv 1709.01507): y = x · σ(W₂ δ(W₁ mean(x))).
 */
final class SqueezeExcitation extends Network {
  private final Submodule avgpool;
  private final Submodule fc1;
  private final Submodule fc2;
  private final Submodule activation;
  private final Submodule scaleActivation;

  /**
   * Builds.
   *
   * @param squeezed channels between the two 1×1 convolutions
   * @param activation δ
   * @param scaleActivation σ, to scales between 0 and 1
   */
  SqueezeExcitation(long channels, long squeezed, Module activation, Module scaleActivation) {
    avgpool = child("avgpool", averagePoolTo(1));
    fc1 = child("fc1", conv(channels, squeezed, 1, 1, 0));
    fc2 = child("fc2", conv(squeezed, channels, 1, 1, 0));
    this.activation = child("activation", activation);
    this.scaleActivation = child("scale_activation", scaleActivation);
  }

  @Override
  public Tensor forward(Tensor x) {
    return sequence(x, avgpool, fc1, activation, fc2, scaleActivation).mul(x);
  }
}
