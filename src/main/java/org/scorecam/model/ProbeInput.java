package org.scorecam.model;

import java.util.Arrays;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.runtime.Device;

/** What ways to run a network are compared on. */
public final class ProbeInput {
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

  /**
   * Writes such numbers, other ones into each row. Needs an open scope.
   *
   * @param rows [N, C, H, W]
   * @param device that they are on
   */
  public static void fill(Tensor rows, Device device) {
    long[] shape = rows.shape();
    shape[0] = 1;
    rows.copy_(of(device, shape));
    setApart(rows);
  }

  /**
   * Multiplies each of some equal rows by another number: what rows have in common would be
   * computed faster than masked inputs are. Needs an open scope.
   *
   * @param rows [N, C, H, W]
   */
  public static void setApart(Tensor rows) {
    for (long row = 0; row < rows.size(0); row++) {
      rows.select(0, row).mul_(new Scalar(1 - row / (2.0 * rows.size(0))));
    }
  }
}
