package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.batchNorm;
import static org.scorecam.zoo.Layers.channelMeans;
import static org.scorecam.zoo.Layers.convBeforeNorm;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.DropoutImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * MobileNetV2, of Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (arXiv
 * 1801.04381).
 */
final class MobileNetV2 extends Network {
  private static final ConvNorm CONV_NORM_RELU =
      new ConvNorm(ConvNorm.DEFAULT_EPSILON, Layers::relu6);
  private static final long FIRST = 32;
  private static final long LAST = 1280;

  /** The paper's table 2: expansion t, output channels c, repetitions n, stride s. */
  private static final long[][] BOTTLENECKS = {
    {1, 16, 1, 1},
    {6, 24, 2, 2},
    {6, 32, 3, 2},
    {6, 64, 4, 2},
    {6, 96, 3, 1},
    {6, 160, 3, 2},
    {6, 320, 1, 1},
  };

  private final Submodule features;
  private final Submodule classifier;

  MobileNetV2(ZooOptions options) {
    features = child("features", features(options.inputChannels()));
    classifier =
        child(
            "classifier",
            new SequentialNetwork(new DropoutImpl(), new LinearImpl(LAST, options.classes())));
  }

  private static Network features(long inputChannels) {
    List<Network> blocks = new ArrayList<>();
    blocks.add(CONV_NORM_RELU.of(inputChannels, FIRST, 3, 2));
    long channels = FIRST;
    for (long[] row : BOTTLENECKS) {
      for (long i = 0; i < row[2]; i++) {
        blocks.add(bottleneck(channels, row[1], i == 0 ? row[3] : 1, row[0]));
        channels = row[1];
      }
    }
    blocks.add(CONV_NORM_RELU.of(channels, LAST, 1, 1));
    return new SequentialNetwork(blocks.toArray(Network[]::new));
  }

  private static Network bottleneck(long in, long out, long stride, long expansion) {
    long hidden = in * expansion;
    List<Module> steps = new ArrayList<>();
    if (expansion != 1) {
      steps.add(CONV_NORM_RELU.of(in, hidden, 1, 1));
    }
    steps.add(CONV_NORM_RELU.depthwise(hidden, 3, stride));
    steps.add(convBeforeNorm(hidden, out, 1, 1, 0));
    steps.add(batchNorm(out));
    return new InvertedResidual("conv", steps, stride == 1 && in == out).addingApart();
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W]
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    return classifier.forward(channelMeans(features.forward(x)));
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("features");
  }
}
