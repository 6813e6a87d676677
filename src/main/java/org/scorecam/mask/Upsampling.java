package org.scorecam.mask;

import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * How a small map grows to the input's size; each as PyTorch's {@code interpolate} defines it.
 *
 * <p>Along the one extent of a series, and the three of a volume, as along the two of a picture:
 * bilinear is linear and trilinear there, and so is bicubic, which PyTorch has for pictures alone.
 */
public enum Upsampling {
  /** {@code mode="nearest"}. */
  NEAREST {
    @Override
    Tensor resize(Tensor maps, long[] size) {
      DoubleOptional scale = new DoubleOptional();
      return switch (size.length) {
        case 1 -> torch.upsample_nearest1d(maps, size, scale);
        case 2 -> torch.upsample_nearest2d(maps, size, scale, scale);
        default -> torch.upsample_nearest3d(maps, size, scale, scale, scale);
      };
    }
  },
  /** {@code mode="bilinear", align_corners=False}. */
  BILINEAR {
    @Override
    Tensor resize(Tensor maps, long[] size) {
      return linear(maps, size, false);
    }
  },
  /** {@code mode="bilinear", align_corners=True}. */
  BILINEAR_ALIGNED {
    @Override
    Tensor resize(Tensor maps, long[] size) {
      return linear(maps, size, true);
    }
  },
  /** {@code mode="bicubic", align_corners=False}, with a = −0.75; overshoots the map's range. */
  BICUBIC {
    @Override
    Tensor resize(Tensor maps, long[] size) {
      return size.length == 2
          ? torch.upsample_bicubic2d(maps, size, false)
          : linear(maps, size, false);
    }
  };

  abstract Tensor resize(Tensor maps, long[] size);

  private static Tensor linear(Tensor maps, long[] size, boolean aligned) {
    return switch (size.length) {
      case 1 -> torch.upsample_linear1d(maps, size, aligned);
      case 2 -> torch.upsample_bilinear2d(maps, size, aligned);
      default -> torch.upsample_trilinear3d(maps, size, aligned);
    };
  }

  /**
   * Resizes maps. All are linear: the sum of resized maps is the resized sum.
   *
   * @param maps [N, K, h, w], floating-point; [N, K, l] or [N, K, d, h, w] for one extent or three
   * @param size of the result: height and width
   * @return a tensor [N, K, height, width] of the same dtype, owned by the caller or the scope it
   *     has open
   * @throws IllegalArgumentException if there is not an extent for each of the maps'
   */
  public Tensor apply(Tensor maps, long... size) {
    if (size.length < 1 || size.length > 3 || maps.dim() != size.length + 2) {
      throw new IllegalArgumentException(
          "maps of %d dimensions cannot be resized to %d extents"
              .formatted(maps.dim(), size.length));
    }
    return resize(maps, size);
  }
}
