package org.scorecam.mask;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * How an activation map A becomes a mask M in [0, 1].
 *
 * <p>With U for the upsampling and ε for the epsilon:
 *
 * <ul>
 *   <li>after upsampling: M = (U(A) − min U(A)) / (max U(A) − min U(A) + ε)
 *   <li>before upsampling: M = U((A − min A) / (max A − min A + ε))
 * </ul>
 *
 * <p>A constant map gives M = 0 either way.
 *
 * @param upsampling how the map grows to the input's size
 * @param order whether the map is normalised before or after that
 * @param epsilon what keeps the quotient finite, at least 0
 */
public record MaskRule(Upsampling upsampling, Order order, double epsilon) {
  /** When a map is normalised. */
  public enum Order {
    /** At the layer's own size. */
    BEFORE_UPSAMPLING,
    /** At the input's size. */
    AFTER_UPSAMPLING
  }

  /**
   * Checks the parts.
   *
   * @param upsampling how the map grows to the input's size
   * @param order whether the map is normalised before or after that
   * @param epsilon what keeps the quotient finite
   * @throws IllegalArgumentException if epsilon is negative or not finite
   */
  public MaskRule {
    if (!(epsilon >= 0) || Double.isInfinite(epsilon)) {
      throw new IllegalArgumentException("epsilon must be at least 0 and finite, not " + epsilon);
    }
  }

  /**
   * Estimates what part of each mask is 0: the part of the map's cells that have its least value,
   * which after a ReLU are many. Bicubic masks that are normalised after upsampling count as having
   * none: next to other cells they undershoot that value, which then becomes more than 0.
   *
   * @param activations [K, …]; a map with NaN counts as having none
   * @return K parts from 0 to 1
   */
  public float[] blankParts(Tensor activations) {
    if (upsampling == Upsampling.BICUBIC && order == Order.AFTER_UPSAMPLING) {
      return new float[(int) activations.size(0)];
    }
    try (NativeScope scope = NativeScope.open()) {
      Tensor cells = activations.flatten(1, -1);
      Tensor least = cells.amin(new long[] {1}, true);
      return Tensors.toArray(cells.eq(least).to(ScalarType.Float).mean(1));
    }
  }
}
