package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.averagePoolTo;
import static org.scorecam.zoo.Layers.concatenate;
import static org.scorecam.zoo.Layers.conv;
import static org.scorecam.zoo.Layers.maxPoolCeil;
import static org.scorecam.zoo.Layers.relu;

import java.util.Optional;
import org.bytedeco.pytorch.DropoutImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * SqueezeNet, of Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and
 * &lt;0.5MB model size" (arXiv 1602.07360).
 */
final class SqueezeNet extends Network {
  private final Submodule features;
  private final Submodule classifier;

  private SqueezeNet(ZooOptions options, Module... steps) {
    features = child("features", new SequentialNetwork(steps));
    classifier =
        child(
            "classifier",
            new SequentialNetwork(
                new DropoutImpl(),
                conv(512, options.classes(), 1, 1, 0),
                relu(),
                averagePoolTo(1)));
  }

  /** The paper's. */
  static SqueezeNet v10(ZooOptions options) {
    return new SqueezeNet(
        options,
        conv(options.inputChannels(), 96, 7, 2, 0),
        relu(),
        maxPoolCeil(3, 2, 0),
        new Fire(96, 16, 64),
        new Fire(128, 16, 64),
        new Fire(128, 32, 128),
        maxPoolCeil(3, 2, 0),
        new Fire(256, 32, 128),
        new Fire(256, 48, 192),
        new Fire(384, 48, 192),
        new Fire(384, 64, 256),
        maxPoolCeil(3, 2, 0),
        new Fire(512, 64, 256));
  }

  /** The faster form that its authors published later. */
  static SqueezeNet v11(ZooOptions options) {
    return new SqueezeNet(
        options,
        conv(options.inputChannels(), 64, 3, 2, 0),
        relu(),
        maxPoolCeil(3, 2, 0),
        new Fire(64, 16, 64),
        new Fire(128, 16, 64),
        maxPoolCeil(3, 2, 0),
        new Fire(128, 32, 128),
        new Fire(256, 32, 128),
        maxPoolCeil(3, 2, 0),
        new Fire(256, 48, 192),
        new Fire(384, 48, 192),
        new Fire(384, 64, 256),
        new Fire(512, 64, 256));
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W], with sides of at least 21; of 17 in version 1.1
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    return sequence(x, features, classifier).flatten(1, -1);
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("features");
  }

  /** Squeezes to few channels, and expands those by 1×1 and by 3×3 convolutions. */
  private static final class Fire extends Network {
    private final Submodule squeeze;
    private final Submodule squeezeActivation;
    private final Submodule expand1x1;
    private final Submodule expand1x1Activation;
    private final Submodule expand3x3;
    private final Submodule expand3x3Activation;

    Fire(long in, long squeezed, long expanded) {
      squeeze = child("squeeze", conv(in, squeezed, 1, 1, 0));
      squeezeActivation = child("squeeze_activation", relu());
      expand1x1 = child("expand1x1", conv(squeezed, expanded, 1, 1, 0));
      expand1x1Activation = child("expand1x1_activation", relu());
      expand3x3 = child("expand3x3", conv(squeezed, expanded, 3, 1, 1));
      expand3x3Activation = child("expand3x3_activation", relu());
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor few = sequence(x, squeeze, squeezeActivation);
      return concatenate(
          sequence(few, expand1x1, expand1x1Activation),
          sequence(few, expand3x3, expand3x3Activation));
    }
  }
}
