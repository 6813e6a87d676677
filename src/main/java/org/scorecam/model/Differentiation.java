package org.scorecam.model;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.GradientException;
import org.scorecam.error.NativeErrors;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Runs a pass with gradients recorded, and differentiates scores by what was captured of it. */
final class Differentiation {
  private static final String ADVICE =
      "Score-CAM needs none, nor does choosing its channels by max or std";

  private Differentiation() {}

  /**
   * Runs and differentiates. What is recorded is gone when this returns.
   *
   * @param input of the pass; stays as it is
   * @param pass runs the network and captures tensors that its output was computed from
   * @param layers the captured layers' paths
   * @param scores as for {@link HookedModel#captureWithGradients}
   * @return owned by the caller
   */
  static GradientCapture of(
      Tensor input,
      Function<Tensor, Capture> pass,
      List<String> layers,
      Function<ModelOutput, List<Tensor>> scores) {
    // The graph lives as long as the tensors in it, of which the scope holds the last.
    try (NativeScope scope = NativeScope.open()) {
      // What depends on this is recorded, whether or not the network's parameters are.
      Tensor leaf = input.detach().requires_grad_(true);
      // A network may work in place on its input, which a leaf does not allow.
      try (Capture attached = recording(() -> pass.apply(leaf.clone()))) {
        List<Tensor> toDifferentiate = recording(() -> scores.apply(attached.output()));
        List<List<Tensor>> gradients = new ArrayList<>();
        try {
          for (Tensor score : toDifferentiate) {
            gradients.add(gradientsOf(score, attached.activations(), layers));
          }
          return new GradientCapture(attached.detached(), gradients);
        } catch (RuntimeException | Error e) {
          gradients.forEach(ofLayers -> ofLayers.forEach(Tensor::close));
          throw e;
        }
      }
    }
  }

  private static <T> T recording(Supplier<T> work) {
    try (AutoGradMode on = new AutoGradMode(true)) {
      return NativeErrors.translate(
          work,
          (words, e) ->
              new GradientException(
                  "the network cannot be run with gradients recorded: %s; %s"
                      .formatted(words, ADVICE),
                  e));
    }
  }

  /** A gradient for each layer, owned by the caller. */
  private static List<Tensor> gradientsOf(
      Tensor score, List<Tensor> activations, List<String> layers) {
    if (!score.requires_grad()) {
      throw new GradientException(
          ("the target's score has no gradient: the network or the target detaches it, computes it"
                  + " with gradients off, or makes whole numbers of it; %s")
              .formatted(ADVICE));
    }
    for (int l = 0; l < layers.size(); l++) {
      if (!activations.get(l).requires_grad()) {
        throw withoutGradient(layers.get(l), activations.get(l));
      }
    }
    TensorVector found =
        NativeErrors.translate(
            () ->
                torch.grad(
                    new TensorVector(score),
                    new TensorVector(activations.toArray(Tensor[]::new)),
                    new TensorVector(),
                    new BoolOptional(true),
                    false,
                    true),
            (words, e) ->
                new GradientException(
                    "the target's score cannot be differentiated: %s; %s".formatted(words, ADVICE),
                    e));
    List<Tensor> gradients = new ArrayList<>();
    for (int l = 0; l < layers.size(); l++) {
      Tensor gradient = found.get(l);
      if (!gradient.defined()) {
        gradients.forEach(Tensor::close);
        throw withoutGradient(layers.get(l), activations.get(l));
      }
      // The vector's own tensors die with it.
      gradients.add(new Tensor(gradient).<Tensor>retainReference());
    }
    return gradients;
  }

  private static GradientException withoutGradient(String layer, Tensor output) {
    return new GradientException(
        ("the target's score has no gradient with respect to layer '%s', which puts out a %s tensor of"
                + " shape %s: the network detaches it, computes without gradients, or does not use"
                + " it; %s")
            .formatted(layer, output.scalar_type().intern(), Tensors.shapeOf(output), ADVICE));
  }
}
