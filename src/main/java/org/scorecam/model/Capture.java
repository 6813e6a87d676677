package org.scorecam.model;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.LayerException;

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

  /**
   * Takes the tuple (output, [output of layer 1], [output of layer 2], …) of a {@link HookedGraph}
   * apart; closes it if a layer was not called.
   */
  static Capture of(ModelOutput tuple, List<String> layers) {
    List<Tensor> activations = new ArrayList<>();
    for (String layer : layers) {
      ModelOutput called = tuple.get(activations.size() + 1);
      if (called.size() == 0) {
        tuple.close();
        throw notCalled(layer);
      }
      activations.add(called.get(0).tensor());
    }
    return new Capture(tuple.get(0), activations);
  }

  /** The same values without what is recorded of how they came about; this stays open. */
  Capture detached() {
    return new Capture(
        output.detached(),
        activations.stream().map(each -> each.detach().<Tensor>retainReference()).toList());
  }

  /** What is said of a layer that a pass did not reach. */
  static LayerException notCalled(String layer) {
    return new LayerException(
        ("layer '%s' was not called for this input: the network's forward calls it in a condition or"
                + " loop that this input did not enter, or not at all")
            .formatted(layer));
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
   * What the layers put out at the call that counts, as it was at the {@link CaptureMoment} asked
   * for.
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
