package org.scorecam.zoo;

import java.util.List;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.AdaptiveAvgPool2dImpl;
import org.bytedeco.pytorch.AvgPool2dImpl;
import org.bytedeco.pytorch.BatchNorm2dImpl;
import org.bytedeco.pytorch.BatchNormOptions;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.Conv2dOptions;
import org.bytedeco.pytorch.DropoutImpl;
import org.bytedeco.pytorch.GELUImpl;
import org.bytedeco.pytorch.LayerNormImpl;
import org.bytedeco.pytorch.LayerNormOptions;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.LongOptionalVector;
import org.bytedeco.pytorch.LongVector;
import org.bytedeco.pytorch.MaxPool2dImpl;
import org.bytedeco.pytorch.MaxPool2dOptions;
import org.bytedeco.pytorch.ReLU6Impl;
import org.bytedeco.pytorch.ReLU6Options;
import org.bytedeco.pytorch.ReLUImpl;
import org.bytedeco.pytorch.ReLUOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;

/**
 * LibTorch's modules in the forms that the networks use, all of them square; made in a scope, which
 * frees their options.
 */
final class Layers {
  private Layers() {}

  static Conv2dImpl conv(long in, long out, long kernel, long stride, long padding) {
    return conv(in, out, kernel, stride, padding, 1);
  }

  static Conv2dImpl conv(long in, long out, long kernel, long stride, long padding, long groups) {
    return new Conv2dImpl(options(in, out, pair(kernel), stride, pair(padding), groups));
  }

  /** A convolution without bias, since the batch norm after it has one. */
  static Conv2dImpl convBeforeNorm(
      long in, long out, long kernel, long stride, long padding, long groups) {
    return convBeforeNorm(in, out, pair(kernel), stride, pair(padding), groups);
  }

  static Conv2dImpl convBeforeNorm(long in, long out, long kernel, long stride, long padding) {
    return convBeforeNorm(in, out, kernel, stride, padding, 1);
  }

  /** With a height and a width of the kernel and the padding. */
  static Conv2dImpl convBeforeNorm(
      long in, long out, long[] kernel, long stride, long[] padding, long groups) {
    Conv2dOptions options = options(in, out, kernel, stride, padding, groups);
    options.bias().put(false);
    return new Conv2dImpl(options);
  }

  private static Conv2dOptions options(
      long in, long out, long[] kernel, long stride, long[] padding, long groups) {
    Conv2dOptions options = new Conv2dOptions(in, out, new LongPointer(kernel));
    options.stride().put(pair(stride));
    options.padding().put(new LongPointer(padding));
    options.groups().put(groups);
    return options;
  }

  static BatchNorm2dImpl batchNorm(long channels) {
    return new BatchNorm2dImpl(new BatchNormOptions(channels));
  }

  static BatchNorm2dImpl batchNorm(long channels, double epsilon) {
    BatchNormOptions options = new BatchNormOptions(channels);
    options.eps().put(epsilon);
    return new BatchNorm2dImpl(options);
  }

  /** Over the last dimension. */
  static LayerNormImpl layerNorm(long channels, double epsilon) {
    LayerNormOptions options = new LayerNormOptions(new LongVector(new long[] {channels}));
    options.eps().put(epsilon);
    return new LayerNormImpl(options);
  }

  /** A transformer's two layers for each token, by themselves. */
  static Network perceptron(long channels, long hidden) {
    return new SequentialNetwork(
        new LinearImpl(channels, hidden),
        new GELUImpl(),
        new DropoutImpl(0),
        new LinearImpl(hidden, channels),
        new DropoutImpl(0));
  }

  /** In place, as in torchvision. */
  static ReLUImpl relu() {
    return new ReLUImpl(new ReLUOptions(true));
  }

  /** In place, as in torchvision. */
  static ReLU6Impl relu6() {
    return new ReLU6Impl(new ReLU6Options(true));
  }

  static MaxPool2dImpl maxPool(long kernel, long stride, long padding) {
    return new MaxPool2dImpl(poolOptions(kernel, stride, padding));
  }

  /** Rounds the output's size up. */
  static MaxPool2dImpl maxPoolCeil(long kernel, long stride, long padding) {
    MaxPool2dOptions options = poolOptions(kernel, stride, padding);
    options.ceil_mode().put(true);
    return new MaxPool2dImpl(options);
  }

  private static MaxPool2dOptions poolOptions(long kernel, long stride, long padding) {
    MaxPool2dOptions options = new MaxPool2dOptions(square(kernel));
    options.stride().put(pair(stride));
    options.padding().put(pair(padding));
    return options;
  }

  /** Of squares of that size, side by side. */
  static AvgPool2dImpl averagePool(long size) {
    return new AvgPool2dImpl(square(size));
  }

  /** To size × size means, whatever the input's size. */
  static AdaptiveAvgPool2dImpl averagePoolTo(long size) {
    LongOptional side = new LongOptional(size);
    // The presets take the address of two optional numbers, side by side.
    try (LongOptionalVector sides = new LongOptionalVector(side, side)) {
      return new AdaptiveAvgPool2dImpl(sides.front());
    }
  }

  /** [N, Ca, H, W], [N, Cb, H, W], … to [N, Ca + Cb + …, H, W]. */
  static Tensor concatenate(Tensor... parts) {
    return concatenate(List.of(parts));
  }

  /** The same of a list. */
  static Tensor concatenate(List<Tensor> parts) {
    // Closed at once: the list holds all parts' memory.
    try (TensorVector list = new TensorVector(parts.toArray(Tensor[]::new))) {
      return torch.cat(list, 1);
    }
  }

  /** The mean of each channel: [N, C, H, W] to [N, C]. */
  static Tensor channelMeans(Tensor x) {
    try (Tensor means = torch.adaptive_avg_pool2d(x, 1, 1)) {
      return means.flatten(1, -1);
    }
  }

  /** The network's own parameter at that position, in the precision of its input. */
  static Tensor parameter(Network network, long position, Tensor input) {
    try (TensorVector parameters = network.parameters(false)) {
      return parameters.get(position).to(input);
    }
  }

  /** The multiple of the divisor that is nearest, but not less than nine tenths of the value. */
  static long divisible(double value, long divisor) {
    long nearest = Math.max(divisor, (long) (value + divisor / 2.0) / divisor * divisor);
    return nearest < 0.9 * value ? nearest + divisor : nearest;
  }

  private static LongPointer square(long side) {
    return new LongPointer(pair(side));
  }

  /** Not two arguments: {@code LongPointer.put(i, value)} takes the first for a position. */
  private static long[] pair(long side) {
    return new long[] {side, side};
  }
}
