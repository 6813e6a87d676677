package org.scorecam.model;

import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.tensor.Tensors;

/** What is said when a network fails on an input. */
final class InputRefusal {
  private InputRefusal() {}

  static InputException of(Tensor input, String words, RuntimeException cause) {
    return new InputException(
        "the network cannot run an input of shape %s: %s".formatted(Tensors.shapeOf(input), words),
        cause);
  }
}
