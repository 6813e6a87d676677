package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.relu;

import java.util.Optional;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.BatchNorm3dImpl;
import org.bytedeco.pytorch.BatchNormOptions;
import org.bytedeco.pytorch.Conv3dImpl;
import org.bytedeco.pytorch.Conv3dOptions;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * ResNets of 18 layers for videos, of Tran et al., "A Closer Look at Spatiotemporal Convolutions
 * for Action Recognition" (arXiv 1711.11248).
 */
final class VideoResNet extends Network {
  private static final long[] WIDTHS = {64, 128, 256, 512};

  /** How its convolutions see time. */
  enum Convolution {
    /** R3D: 3×3×3. */
    FULL,
    /** MC3: as R3D in the first stage, and within each frame, 1×3×3, from the second on. */
    MIXED,
    /** R(2+1)D: 1×3×3, and then 3×1×1. */
    FACTORED
  }

  private final Submodule stem;
  private final Submodule[] layers = new Submodule[WIDTHS.length];
  private final Submodule avgpool;
  private final Submodule fc;

  VideoResNet(Convolution convolution, ZooOptions options) {
    stem = child("stem", stem(convolution, options.inputChannels()));
    long in = WIDTHS[0];
    for (int stage = 0; stage < WIDTHS.length; stage++) {
      Convolution here =
          convolution == Convolution.MIXED && stage == 0 ? Convolution.FULL : convolution;
      long width = WIDTHS[stage];
      layers[stage] =
          child(
              "layer" + (stage + 1),
              new SequentialNetwork(
                  new Block(here, in, width, stage == 0 ? 1 : 2),
                  new Block(here, width, width, 1)));
      in = width;
    }
    avgpool = child("avgpool", new MeanOfPlaces());
    fc = child("fc", new LinearImpl(in, options.classes()));
  }

  private static Network stem(Convolution convolution, long channels) {
    return convolution == Convolution.FACTORED
        ? new SequentialNetwork(
            conv(channels, 45, of(1, 7), of(1, 2)),
            batchNorm(45),
            relu(),
            conv(45, 64, of(3, 1), of(1, 1)),
            batchNorm(64),
            relu())
        : new SequentialNetwork(conv(channels, 64, of(3, 7), of(1, 2)), batchNorm(64), relu());
  }

  /**
   * The network.
   *
   * @param x [N, C, frames, H, W]
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    Tensor maps = sequence(stem.forward(x), layers);
    return fc.forward(avgpool.forward(maps).flatten(1, -1));
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("layer4");
  }

  /** Along time, and along both sides of a frame. */
  private static long[] of(long frames, long side) {
    return new long[] {frames, side, side};
  }

  /**
   * Without bias, since the batch norm after it has one; padded so that a stride of 1 keeps sizes.
   */
  private static Conv3dImpl conv(long in, long out, long[] kernel, long[] stride) {
    Conv3dOptions options = new Conv3dOptions(in, out, new LongPointer(kernel));
    options.stride().put(new LongPointer(stride));
    options
        .padding()
        .put(new LongPointer(new long[] {kernel[0] / 2, kernel[1] / 2, kernel[2] / 2}));
    options.bias().put(false);
    return new Conv3dImpl(options);
  }

  private static BatchNorm3dImpl batchNorm(long channels) {
    return new BatchNorm3dImpl(new BatchNormOptions(channels));
  }

  /** y = ReLU(F(x) + x), F being two convolutions; x is projected where the shape changes. */
  private static final class Block extends Network {
    private final Submodule conv1;
    private final Submodule conv2;
    private final Submodule relu;
    private final Submodule downsample;

    Block(Convolution convolution, long in, long width, long stride) {
      // As many as give the two parts of a factored one the parameters of a full one.
      long between = in * width * 27 / (in * 9 + 3 * width);
      conv1 =
          child(
              "conv1",
              new SequentialNetwork(
                  made(convolution, in, width, between, stride), batchNorm(width), relu()));
      conv2 =
          child(
              "conv2",
              new SequentialNetwork(made(convolution, width, width, between, 1), batchNorm(width)));
      relu = child("relu", relu());
      boolean keepsFrames = convolution == Convolution.MIXED;
      downsample =
          stride == 1
              ? null
              : child(
                  "downsample",
                  new SequentialNetwork(
                      conv(in, width, of(1, 1), of(keepsFrames ? 1 : stride, stride)),
                      batchNorm(width)));
    }

    private static Module made(
        Convolution convolution, long in, long out, long between, long stride) {
      return switch (convolution) {
        case FULL -> conv(in, out, of(3, 3), of(stride, stride));
        case MIXED -> conv(in, out, of(1, 3), of(1, stride));
        case FACTORED ->
            new SequentialNetwork(
                conv(in, between, of(1, 3), of(1, stride)),
                batchNorm(between),
                relu(),
                conv(between, out, of(3, 1), of(stride, 1)));
      };
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor shortcut = downsample == null ? x : downsample.forward(x);
      return relu.forward(sequence(x, conv1, conv2).add_(shortcut));
    }
  }

  /** Of each channel: torchvision's {@code AdaptiveAvgPool3d(1)}. */
  private static final class MeanOfPlaces extends Network {
    @Override
    public Tensor forward(Tensor x) {
      return x.mean(new long[] {2, 3, 4}, true, null);
    }
  }
}
