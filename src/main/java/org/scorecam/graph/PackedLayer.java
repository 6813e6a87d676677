package org.scorecam.graph;

/**
 * A layer whose weights are laid out in advance for the code that runs it, on the CPU. What follows
 * it may be part of it:
 *
 * <p>y = activation(W x + b + r)
 *
 * <p>with a residual r of the shape of y, or none.
 */
public interface PackedLayer {
  /**
   * Whether what follows can be part of it without making it slower.
   *
   * @param activation what follows
   * @param residual whether there is a residual r
   * @return whether {@link #operator} takes the two
   */
  boolean takesIn(Activation activation, boolean residual);

  /**
   * Packs the weights. Needs an open scope.
   *
   * @param residual whether there is a residual r
   * @param activation one that {@linkplain #takesIn can be part of it}
   * @return the operator, ready to be called with x, or with x and r; owned by the caller
   */
  OperatorCall operator(boolean residual, Activation activation);
}
