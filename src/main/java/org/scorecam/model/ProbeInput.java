package org.scorecam.model;

import java.util.Arrays;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.runtime.Device;

/** What ways to run a network are compared on. */
final class ProbeInput {
  private ProbeInput() {}

  /**
   * Numbers between -2 and 2 without a pattern that a network could take for constant; the same
   * each time. Needs an open scope.
   *
   * @param shape [N, C, H, W]
   */
  static Tensor of(Device device, long... shape) {
    return torch
        .arange(new Scalar(Arrays.stream(shape).reduce(1, Math::multiplyExact)))
        .to(ScalarType.Float)
        .mul(new Scalar(0.7548))
        .sin()
        .mul(new Scalar(2.0))
        .view(shape)
        .to(device.toTorch(), ScalarType.Float);
  }
}
