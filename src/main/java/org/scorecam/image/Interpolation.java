package org.scorecam.image;

/**
 * The kernel that weighs the pixels around a sampled point.
 *
 * <p>When a picture shrinks by a factor s, the kernel is stretched by s, so that every source pixel
 * counts (antialiasing). When it grows, the kernel keeps its size, and the result is LibTorch's
 * with {@code align_corners=false}.
 */
public enum Interpolation {
  /** The triangle, 1 − |x| on [−1, 1]. */
  BILINEAR(1) {
    @Override
    double weight(double x) {
      return Math.max(0, 1 - Math.abs(x));
    }
  },

  /**
   * The cubic convolution of Keys with a = −0.5, on [−2, 2]; it can overshoot the range of the
   * values.
   *
   * <p>R. Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions
   * on Acoustics, Speech, and Signal Processing 29 (6), 1981.
   */
  BICUBIC(2) {
    private static final double A = -0.5;

    @Override
    double weight(double x) {
      double d = Math.abs(x);
      if (d < 1) {
        return ((A + 2) * d - (A + 3)) * d * d + 1;
      }
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * A : 0;
    }
  };

  /** The kernel is zero from this distance on. */
  final double support;

  Interpolation(double support) {
    this.support = support;
  }

  /** The kernel, not normalised to a sum of 1. */
  abstract double weight(double x);
}
