package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.batchNorm;
import static org.scorecam.zoo.Layers.convBeforeNorm;

import java.util.function.Supplier;
import org.bytedeco.pytorch.Module;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;

/**
 * Makes a convolution "0", the batch norm "1" after it, and an activation "2", which torchvision
 * calls {@code Conv2dNormActivation}. The padding keeps the sides at a stride of 1.
 *
 * @param epsilon of the batch norm
 * @param activation makes the activation
 */
record ConvNorm(double epsilon, Supplier<Module> activation) {
  /** What LibTorch's batch norm has unless told otherwise. */
  static final double DEFAULT_EPSILON = 1e-5;

  Network of(long in, long out, long kernel, long stride, long groups) {
    return new SequentialNetwork(
        convBeforeNorm(in, out, kernel, stride, kernel / 2, groups),
        batchNorm(out, epsilon),
        activation.get());
  }

  Network of(long in, long out, long kernel, long stride) {
    return of(in, out, kernel, stride, 1);
  }

  /** Filters each channel by itself. */
  Network depthwise(long channels, long kernel, long stride) {
    return of(channels, channels, kernel, stride, channels);
  }

  /** 1×1, without an activation. */
  Network linear(long in, long out, long stride) {
    return new SequentialNetwork(convBeforeNorm(in, out, 1, stride, 0), batchNorm(out, epsilon));
  }
}
