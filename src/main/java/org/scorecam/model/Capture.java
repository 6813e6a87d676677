package org.scorecam.model;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** One forward pass: the network's output, and the outputs of some layers within it. */
public final class Capture implements AutoCloseable {
  private final ModelOutput output;
  private final List<Tensor> activations;

  /**
   * What one pass gave.
   *
   * @param output of the network
   * @param activations a tensor for each layer; these and the output are owned by the new object
   */
  public Capture(ModelOutput output, List<Tensor> activations) {
    this.output = output;
    this.activations = List.copyOf(activations);
  }

  /** Takes the tuple (output, copy of layer 1, copy of layer 2, …) of a hooked network apart. */
  static Capture of(ModelOutput tuple) {
    List<Tensor> activations = new ArrayList<>();
    for (int i = 1; i < tuple.size(); i++) {
      activations.add(tuple.get(i).tensor());
    }
    return new Capture(tuple.get(0), activations);
  }

  /**
   * The network's output.
   *
   * @return on the model's device, freed with this capture
   */
  public ModelOutput output() {
    return output;
  }

  /**
   * What the layers put out, as it was at the call that counts.
   *
   * @return a tensor for each layer in the order asked for, on the model's device, freed with this
   *     capture
   */
  public List<Tensor> activations() {
    return activations;
  }

  /** Frees the output and the activations. Closing again does nothing. */
  @Override
  public void close() {
    output.close();
    activations.forEach(Tensor::close);
  }
}
