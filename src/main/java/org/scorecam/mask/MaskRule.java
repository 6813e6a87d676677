package org.scorecam.mask;

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
}
