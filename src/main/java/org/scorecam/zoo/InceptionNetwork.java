package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.batchNorm;
import static org.scorecam.zoo.Layers.convBeforeNorm;

import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;

/**
 * What the two networks share whose weights torchvision has from TensorFlow: the range of the
 * input, and the convolutions.
 *
 * <p>Their weights expect pixels between -1 and 1. As torchvision's networks with published weights
 * do ({@code transform_input}), these take three channels that are normalised with ImageNet's means
 * and deviations, as all others of the zoo, and bring them into that range. Any other number of
 * channels is taken as it is, and so is everything if the options say so.
 *
 * <p>The auxiliary classifiers, which help in training alone, are left out.
 */
abstract class InceptionNetwork extends Network {
  private static final double EPSILON = 1e-3;
  private static final double[] IMAGENET_MEANS = {0.485, 0.456, 0.406};
  private static final double[] IMAGENET_DEVIATIONS = {0.229, 0.224, 0.225};

  private final boolean transformInput;

  InceptionNetwork(ZooOptions options) {
    transformInput = options.transformInput();
  }

  /** (x·σ + μ − ½) / ½ of each channel, for x = (pixel − μ) / σ, unless it shall stay as it is. */
  final Tensor toUnitRange(Tensor x) {
    if (!transformInput || x.size(1) != IMAGENET_MEANS.length) {
      return x;
    }
    Tensor scaled = x.clone();
    for (int i = 0; i < IMAGENET_MEANS.length; i++) {
      scaled
          .narrow(1, i, 1)
          .mul_(new Scalar(IMAGENET_DEVIATIONS[i] / 0.5))
          .add_(new Scalar((IMAGENET_MEANS[i] - 0.5) / 0.5));
    }
    return scaled;
  }

  /** The same size, means of 3×3 squares, zeros around. */
  static Tensor smoothed(Tensor x) {
    long[] three = {3, 3};
    long[] one = {1, 1};
    return torch.avg_pool2d(x, three, one, one, false, true, new LongOptional());
  }

  /** Maxima of 3×3 squares, every other in both directions. */
  static Tensor maxPooled(Tensor x) {
    return torch.max_pool2d(
        x, new long[] {3, 3}, new long[] {2, 2}, new long[] {0, 0}, new long[] {1, 1}, false);
  }

  /** A convolution, a batch norm and a ReLU that is no module. */
  static final class BasicConv extends Network {
    private final Submodule conv;
    private final Submodule bn;

    BasicConv(long in, long out, long kernel, long stride, long padding) {
      this(in, out, kernel, kernel, stride, padding, padding);
    }

    private BasicConv(
        long in, long out, long height, long width, long stride, long above, long beside) {
      long[] kernel = {height, width};
      long[] padding = {above, beside};
      conv = child("conv", convBeforeNorm(in, out, kernel, stride, padding, 1));
      bn = child("bn", batchNorm(out, EPSILON));
    }

    /** 1×1. */
    static BasicConv pointwise(long in, long out) {
      return new BasicConv(in, out, 1, 1, 0);
    }

    /** 3×3, of the same size. */
    static BasicConv square(long in, long out) {
      return new BasicConv(in, out, 3, 1, 1);
    }

    /** 3×3, every other in both directions, without padding. */
    static BasicConv halving(long in, long out) {
      return new BasicConv(in, out, 3, 2, 0);
    }

    /** 1×width, of the same size. */
    static BasicConv row(long in, long out, long width) {
      return new BasicConv(in, out, 1, width, 1, 0, width / 2);
    }

    /** height×1, of the same size. */
    static BasicConv column(long in, long out, long height) {
      return new BasicConv(in, out, height, 1, 1, height / 2, 0);
    }

    @Override
    public Tensor forward(Tensor x) {
      return sequence(x, conv, bn).relu_();
    }
  }
}
