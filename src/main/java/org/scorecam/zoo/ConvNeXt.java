package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.averagePoolTo;
import static org.scorecam.zoo.Layers.conv;
import static org.scorecam.zoo.Layers.layerNorm;
import static org.scorecam.zoo.Layers.parameter;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.FlattenImpl;
import org.bytedeco.pytorch.GELUImpl;
import org.bytedeco.pytorch.IdentityImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/** ConvNeXt, of Liu et al., "A ConvNet for the 2020s" (arXiv 2201.03545). */
final class ConvNeXt extends Network {
  private static final double EPSILON = 1e-6;

  private final Submodule features;
  private final Submodule avgpool;
  private final Submodule classifier;

  /**
   * Builds.
   *
   * @param width channels of the first stage, which each later stage doubles
   * @param depths how many blocks each stage has
   */
  ConvNeXt(long width, ZooOptions options, long... depths) {
    List<Network> steps = new ArrayList<>();
    steps.add(
        new SequentialNetwork(
            conv(options.inputChannels(), width, 4, 4, 0), new ChannelNorm(width)));
    long channels = width;
    for (int stage = 0; stage < depths.length; stage++) {
      if (stage > 0) {
        steps.add(
            new SequentialNetwork(
                new ChannelNorm(channels), conv(channels, 2 * channels, 2, 2, 0)));
        channels *= 2;
      }
      Network[] blocks = new Network[(int) depths[stage]];
      for (int i = 0; i < blocks.length; i++) {
        blocks[i] = new Block(channels);
      }
      steps.add(new SequentialNetwork(blocks));
    }
    features = child("features", new SequentialNetwork(steps.toArray(Network[]::new)));
    avgpool = child("avgpool", averagePoolTo(1));
    classifier =
        child(
            "classifier",
            new SequentialNetwork(
                new ChannelNorm(channels),
                new FlattenImpl(),
                new LinearImpl(channels, options.classes())));
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W], with sides of at least 32
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    return sequence(x, features, avgpool, classifier);
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("features");
  }

  /** y = γ·F(x) + x with a factor γ for each channel. */
  private static final class Block extends Network {
    private final Submodule block;
    private final Submodule stochasticDepth;

    Block(long channels) {
      register_parameter("layer_scale", torch.full(new long[] {channels, 1, 1}, new Scalar(1e-6)));
      block =
          child(
              "block",
              new SequentialNetwork(
                  conv(channels, channels, 7, 1, 3, channels),
                  new Permute(0, 2, 3, 1),
                  layerNorm(channels, EPSILON),
                  new LinearImpl(channels, 4 * channels),
                  new GELUImpl(),
                  new LinearImpl(4 * channels, channels),
                  new Permute(0, 3, 1, 2)));
      // Nothing is dropped in evaluation.
      stochasticDepth = child("stochastic_depth", new IdentityImpl());
    }

    @Override
    public Tensor forward(Tensor x) {
      return stochasticDepth.forward(block.forward(x).mul(parameter(this, 0, x))).add_(x);
    }
  }

  /** Layer norm of each pixel's channels: torchvision's {@code LayerNorm2d}. */
  private static final class ChannelNorm extends Network {
    private final long channels;

    ChannelNorm(long channels) {
      this.channels = channels;
      register_parameter("weight", torch.ones(channels));
      register_parameter("bias", torch.zeros(channels));
    }

    @Override
    public Tensor forward(Tensor x) {
      return torch
          .layer_norm(
              x.permute(0, 2, 3, 1),
              new long[] {channels},
              new TensorOptional(parameter(this, 0, x)),
              new TensorOptional(parameter(this, 1, x)),
              EPSILON,
              true)
          .permute(0, 3, 1, 2);
    }
  }
}
