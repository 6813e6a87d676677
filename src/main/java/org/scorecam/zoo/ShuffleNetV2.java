package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.batchNorm;
import static org.scorecam.zoo.Layers.concatenate;
import static org.scorecam.zoo.Layers.convBeforeNorm;
import static org.scorecam.zoo.Layers.maxPool;
import static org.scorecam.zoo.Layers.relu;

import java.util.Optional;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * ShuffleNetV2, of Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture
 * Design" (arXiv 1807.11164).
 */
final class ShuffleNetV2 extends Network {
  private static final ConvNorm CONV_NORM_RELU =
      new ConvNorm(ConvNorm.DEFAULT_EPSILON, Layers::relu);
  private static final long FIRST = 24;

  private final Submodule conv1;
  private final Submodule maxpool;
  private final Submodule stage2;
  private final Submodule stage3;
  private final Submodule stage4;
  private final Submodule conv5;
  private final Submodule fc;

  /**
   * Builds.
   *
   * @param width channels of stage 2, which each later stage doubles
   * @param last channels of the last convolution
   */
  ShuffleNetV2(long width, long last, ZooOptions options) {
    conv1 = child("conv1", CONV_NORM_RELU.of(options.inputChannels(), FIRST, 3, 2));
    maxpool = child("maxpool", maxPool(3, 2, 1));
    stage2 = child("stage2", stage(FIRST, width, 4));
    stage3 = child("stage3", stage(width, 2 * width, 8));
    stage4 = child("stage4", stage(2 * width, 4 * width, 4));
    conv5 = child("conv5", CONV_NORM_RELU.of(4 * width, last, 1, 1));
    fc = child("fc", new LinearImpl(last, options.classes()));
  }

  private static Network stage(long in, long out, int units) {
    Network[] stage = new Network[units];
    stage[0] = new Unit(in, out, 2);
    for (int i = 1; i < units; i++) {
      stage[i] = new Unit(out, out, 1);
    }
    return new SequentialNetwork(stage);
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W]
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    Tensor features = sequence(x, conv1, maxpool, stage2, stage3, stage4, conv5);
    return fc.forward(features.mean(2, 3));
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("conv5");
  }

  /** The paper's figure 3 (c), and with a stride of 2 its figure 3 (d). */
  private static final class Unit extends Network {
    private final boolean splits;
    private final Submodule branch1;
    private final Submodule branch2;

    Unit(long in, long out, long stride) {
      splits = stride == 1;
      long half = out / 2;
      branch1 =
          child(
              "branch1",
              splits
                  ? new SequentialNetwork()
                  : new SequentialNetwork(
                      convBeforeNorm(in, in, 3, stride, 1, in),
                      batchNorm(in),
                      convBeforeNorm(in, half, 1, 1, 0),
                      batchNorm(half),
                      relu()));
      branch2 =
          child(
              "branch2",
              new SequentialNetwork(
                  convBeforeNorm(splits ? half : in, half, 1, 1, 0),
                  batchNorm(half),
                  relu(),
                  convBeforeNorm(half, half, 3, stride, 1, half),
                  batchNorm(half),
                  convBeforeNorm(half, half, 1, 1, 0),
                  batchNorm(half),
                  relu()));
    }

    @Override
    public Tensor forward(Tensor x) {
      long half = x.size(1) / 2;
      Tensor both =
          splits
              ? concatenate(x.narrow(1, 0, half), branch2.forward(x.narrow(1, half, half)))
              : concatenate(branch1.forward(x), branch2.forward(x));
      return torch.channel_shuffle(both, 2);
    }
  }
}
