package org.scorecam.mask;

import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** How a small map grows to the input's size; each as PyTorch's {@code interpolate} defines it. */
public enum Upsampling {
  /** {@code mode="nearest"}. */
  NEAREST {
    @Override
    Tensor resize(Tensor maps, long[] size) {
      return torch.upsample_nearest2d(maps, size, new DoubleOptional(), new DoubleOptional());
    }
  },
  /** {@code mode="bilinear", align_corners=False}. */
  BILINEAR {
    @Override
    Tensor resize(Tensor maps, long[] size) {
      return torch.upsample_bilinear2d(maps, size, false);
    }
  },
  /** {@code mode="bilinear", align_corners=True}. */
  BILINEAR_ALIGNED {
    @Override
    Tensor resize(Tensor maps, long[] size) {
      return torch.upsample_bilinear2d(maps, size, true);
    }
  },
  /** {@code mode="bicubic", align_corners=False}, with a = −0.75; overshoots the map's range. */
  BICUBIC {
    @Override
    Tensor resize(Tensor maps, long[] size) {
      return torch.upsample_bicubic2d(maps, size, false);
    }
  };

  abstract Tensor resize(Tensor maps, long[] size);

  /**
   * Resizes maps. All four are linear: the sum of resized maps is the resized sum.
   *
   * @param maps [N, K, h, w], floating-point
   * @param height of the result
   * @param width of the result
   * @return a tensor [N, K, height, width] of the same dtype, owned by the caller or the scope it
   *     has open
   */
  public Tensor apply(Tensor maps, long height, long width) {
    return resize(maps, new long[] {height, width});
  }
}
