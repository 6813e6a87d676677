package org.scorecam.model;

import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * A forward pass and the gradients of some scores with respect to the layers' outputs in it. The
 * recorded graph is gone: none of these tensors holds it.
 *
 * @param capture the pass
 * @param gradients for each score a tensor for each layer, of the shape of the layer's output
 */
public record GradientCapture(Capture capture, List<List<Tensor>> gradients)
    implements AutoCloseable {
  /**
   * Takes over the capture and the tensors.
   *
   * @param capture the pass
   * @param gradients for each score a tensor for each layer
   */
  public GradientCapture {
    gradients = gradients.stream().map(List::copyOf).toList();
  }

  /** Frees the capture and the gradients. Closing again does nothing. */
  @Override
  public void close() {
    capture.close();
    gradients.forEach(ofLayers -> ofLayers.forEach(Tensor::close));
  }
}
