package org.scorecam.weights;

import java.util.List;

/**
 * What a tensor is, without its values.
 *
 * @param dtype the type of its elements
 * @param shape its sizes, outermost first; empty for a single number
 */
public record TensorInfo(DType dtype, List<Long> shape) {
  /**
   * Copies the shape.
   *
   * @param dtype the type of its elements
   * @param shape its sizes, outermost first; empty for a single number
   */
  public TensorInfo {
    shape = List.copyOf(shape);
  }

  /**
   * Dtype and shape.
   *
   * @return such as {@code float32 [64, 3, 7, 7]}
   */
  @Override
  public String toString() {
    return dtype + " " + shape;
  }
}
