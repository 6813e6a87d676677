package org.scorecam.mask;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.scorecam.mask.MaskRule.Order;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.NativeScope;

class MaskRuleTest {
  static {
    LibTorch.load();
  }

  /** Three maps: one cell that is not least, three that are not, and one value everywhere. */
  private static Tensor maps() {
    return Tensor.create(0f, 0f, 0f, 2f, -1f, 1f, 2f, 3f, 5f, 5f, 5f, 5f).view(3, 2, 2);
  }

  private static float[] partsOf(Upsampling upsampling, Order order) {
    try (NativeScope scope = NativeScope.open()) {
      return new MaskRule(upsampling, order, 1e-8).blankParts(maps());
    }
  }

  @ParameterizedTest
  @EnumSource(Upsampling.class)
  void cellsOfTheLeastValueAreBlank(Upsampling upsampling) {
    float[] parts = {0.75f, 0.25f, 1};
    assertArrayEquals(parts, partsOf(upsampling, Order.BEFORE_UPSAMPLING));
  }

  @Test
  void bicubicMasksFallBelowThem() {
    assertArrayEquals(new float[3], partsOf(Upsampling.BICUBIC, Order.AFTER_UPSAMPLING));
    assertArrayEquals(
        new float[] {0.75f, 0.25f, 1}, partsOf(Upsampling.BILINEAR, Order.AFTER_UPSAMPLING));
  }
}
