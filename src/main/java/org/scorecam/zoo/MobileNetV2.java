package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.batchNorm;
import static org.scorecam.zoo.Layers.convBeforeNorm;
import static org.scorecam.zoo.Layers.relu6;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.DropoutImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * MobileNetV2, of Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (arXiv
 * 1801.04381).
 */
final class MobileNetV2 extends Network {
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
    blocks.add(convNormRelu(inputChannels, FIRST, 3, 2, 1));
    long channels = FIRST;
    for (long[] row : BOTTLENECKS) {
      for (long i = 0; i < row[2]; i++) {
        blocks.add(new InvertedResidual(channels, row[1], i == 0 ? row[3] : 1, row[0]));
        channels = row[1];
      }
    }
    blocks.add(convNormRelu(channels, LAST, 1, 1, 1));
    return new SequentialNetwork(blocks.toArray(Network[]::new));
  }

  private static Network convNormRelu(long in, long out, long kernel, long stride, long groups) {
    return new SequentialNetwork(
        convBeforeNorm(in, out, kernel, stride, kernel / 2, groups), batchNorm(out), relu6());
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W]
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    Tensor pooled = torch.adaptive_avg_pool2d(features.forward(x), 1, 1);
    return classifier.forward(pooled.flatten(1, -1));
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("features");
  }

  /** Widens, filters each channel by itself, and narrows without an activation. */
  private static final class InvertedResidual extends Network {
    private final Submodule conv;
    private final boolean shortcut;

    InvertedResidual(long in, long out, long stride, long expansion) {
      long hidden = in * expansion;
      List<Module> steps = new ArrayList<>();
      if (expansion != 1) {
        steps.add(convNormRelu(in, hidden, 1, 1, 1));
      }
      steps.add(convNormRelu(hidden, hidden, 3, stride, hidden));
      steps.add(convBeforeNorm(hidden, out, 1, 1, 0));
      steps.add(batchNorm(out));
      conv = child("conv", new SequentialNetwork(steps.toArray(Module[]::new)));
      shortcut = stride == 1 && in == out;
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor residual = conv.forward(x);
      return shortcut ? residual.add_(x) : residual;
    }
  }
}
