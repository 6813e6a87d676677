package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.averagePoolTo;
import static org.scorecam.zoo.Layers.batchNorm;
import static org.scorecam.zoo.Layers.convBeforeNorm;
import static org.scorecam.zoo.Layers.maxPool;
import static org.scorecam.zoo.Layers.relu;

import java.util.Optional;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * Residual networks, of He et al., "Deep Residual Learning for Image Recognition" (arXiv
 * 1512.03385); with grouped convolutions, of Xie et al., "Aggregated Residual Transformations for
 * Deep Neural Networks" (arXiv 1611.05431); and with wide ones, of Zagoruyko and Komodakis, "Wide
 * Residual Networks" (arXiv 1605.07146).
 */
final class ResNet extends Network {
  /** How the residual blocks are built. */
  enum Block {
    /** Two 3×3 convolutions. */
    BASIC(1),
    /** A 3×3 convolution between two of 1×1. */
    BOTTLENECK(4);

    /** Channels that a block puts out for each of its width. */
    final long expansion;

    Block(long expansion) {
      this.expansion = expansion;
    }
  }

  private final Block block;
  private final long groups;
  private final long groupWidth;

  private final Submodule conv1;
  private final Submodule bn1;
  private final Submodule relu;
  private final Submodule maxpool;
  private final Submodule layer1;
  private final Submodule layer2;
  private final Submodule layer3;
  private final Submodule layer4;
  private final Submodule avgpool;
  private final Submodule fc;

  /**
   * Builds.
   *
   * @param depths how many blocks each of the four layers has
   * @param groups of the 3×3 convolutions in bottlenecks
   * @param groupWidth channels of a group in the first layer, 64 being one group's plain width
   */
  ResNet(Block block, long[] depths, long groups, long groupWidth, ZooOptions options) {
    this.block = block;
    this.groups = groups;
    this.groupWidth = groupWidth;
    long expansion = block.expansion;
    conv1 = child("conv1", convBeforeNorm(options.inputChannels(), 64, 7, 2, 3));
    bn1 = child("bn1", batchNorm(64));
    relu = child("relu", relu());
    maxpool = child("maxpool", maxPool(3, 2, 1));
    layer1 = child("layer1", layer(64, 64, depths[0], 1));
    layer2 = child("layer2", layer(64 * expansion, 128, depths[1], 2));
    layer3 = child("layer3", layer(128 * expansion, 256, depths[2], 2));
    layer4 = child("layer4", layer(256 * expansion, 512, depths[3], 2));
    avgpool = child("avgpool", averagePoolTo(1));
    fc = child("fc", new LinearImpl(512 * expansion, options.classes()));
  }

  /** ResNet and its like with one group of 64. */
  static ResNet plain(Block block, ZooOptions options, long... depths) {
    return new ResNet(block, depths, 1, 64, options);
  }

  private Network layer(long in, long width, long depth, long stride) {
    Network[] blocks = new Network[(int) depth];
    blocks[0] = block(in, width, stride);
    for (int i = 1; i < depth; i++) {
      blocks[i] = block(width * block.expansion, width, 1);
    }
    return new SequentialNetwork(blocks);
  }

  private Network block(long in, long width, long stride) {
    return block == Block.BASIC
        ? new BasicBlock(in, width, stride)
        : new Bottleneck(in, width * groupWidth / 64 * groups, groups, width * 4, stride);
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W]
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    Tensor pooled = sequence(x, conv1, bn1, relu, maxpool, layer1, layer2, layer3, layer4, avgpool);
    return fc.forward(pooled.flatten(1, -1));
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("layer4");
  }

  /** y = relu(F(x) + x), where x is projected if F changes its size. */
  private abstract static class ResidualBlock extends Network {
    private Submodule downsample;

    final void projectShortcut(long in, long out, long stride) {
      if (stride != 1 || in != out) {
        downsample =
            child(
                "downsample",
                new SequentialNetwork(convBeforeNorm(in, out, 1, stride, 0), batchNorm(out)));
      }
    }

    final Tensor addShortcut(Tensor residual, Tensor x) {
      return residual.add_(downsample == null ? x : downsample.forward(x));
    }
  }

  private static final class BasicBlock extends ResidualBlock {
    private final Submodule conv1;
    private final Submodule bn1;
    private final Submodule relu;
    private final Submodule conv2;
    private final Submodule bn2;

    BasicBlock(long in, long width, long stride) {
      conv1 = child("conv1", convBeforeNorm(in, width, 3, stride, 1));
      bn1 = child("bn1", batchNorm(width));
      relu = child("relu", relu());
      conv2 = child("conv2", convBeforeNorm(width, width, 3, 1, 1));
      bn2 = child("bn2", batchNorm(width));
      projectShortcut(in, width, stride);
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor residual = sequence(x, conv1, bn1, relu, conv2, bn2);
      return relu.forward(addShortcut(residual, x));
    }
  }

  /** With the stride at the 3×3 convolution, where torchvision has it and the paper has not. */
  private static final class Bottleneck extends ResidualBlock {
    private final Submodule conv1;
    private final Submodule bn1;
    private final Submodule conv2;
    private final Submodule bn2;
    private final Submodule conv3;
    private final Submodule bn3;
    private final Submodule relu;

    Bottleneck(long in, long width, long groups, long out, long stride) {
      conv1 = child("conv1", convBeforeNorm(in, width, 1, 1, 0));
      bn1 = child("bn1", batchNorm(width));
      conv2 = child("conv2", convBeforeNorm(width, width, 3, stride, 1, groups));
      bn2 = child("bn2", batchNorm(width));
      conv3 = child("conv3", convBeforeNorm(width, out, 1, 1, 0));
      bn3 = child("bn3", batchNorm(out));
      relu = child("relu", relu());
      projectShortcut(in, out, stride);
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor residual = sequence(x, conv1, bn1, relu, conv2, bn2, relu, conv3, bn3);
      return relu.forward(addShortcut(residual, x));
    }
  }
}
