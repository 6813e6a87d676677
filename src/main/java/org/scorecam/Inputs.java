package org.scorecam;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.tensor.Tensors;

/** Which tensors are accepted as inputs. */
final class Inputs {
  /** Of a picture, with its transparency. */
  private static final long MOST_COLOURS = 4;

  private Inputs() {}

  /** One input with a batch dimension; needs an open scope. */
  static Tensor asBatch(Tensor input) {
    requireNonNull(input, "input");
    Tensor batch = input.dim() == 3 ? input.unsqueeze(0) : input;
    if (batch.dim() == 4 && batch.size(0) != 1) {
      throw new InputException(
          "one input must have the shape [1, C, H, W] or [C, H, W], not %s; explainBatch takes several"
              .formatted(Tensors.shapeOf(input)));
    }
    return batch;
  }

  /** A list of one target for each input. */
  static List<List<Target>> oneTargetEach(List<Target> targets) {
    return requireNonNull(targets, "targets").stream()
        .map(target -> List.of(requireNonNull(target, "a target")))
        .toList();
  }

  /** Throws if these are not floating-point [N, C, H, W] with one target or more for each. */
  static void requireUsable(Tensor inputs, List<List<Target>> targets) {
    requireNonNull(inputs, "inputs");
    requireNonNull(targets, "targets");
    for (List<Target> ofOne : targets) {
      requireNonNull(ofOne, "an input's targets");
      ofOne.forEach(target -> requireNonNull(target, "a target"));
      if (ofOne.isEmpty()) {
        throw new InputException("an input needs at least one target, but its list is empty");
      }
    }
    String shape = Tensors.shapeOf(inputs);
    if (inputs.dim() != 4) {
      throw new InputException("inputs must have the shape [N, C, H, W], not " + shape);
    }
    if (inputs.numel() == 0) {
      throw new InputException("an input of shape %s is empty".formatted(shape));
    }
    if (inputs.size(0) != targets.size()) {
      throw new InputException(
          "%d inputs need a target each, but there are %d"
              .formatted(inputs.size(0), targets.size()));
    }
    if (!inputs.is_floating_point()) {
      throw new InputException(
          "inputs must be floating-point numbers, not " + inputs.scalar_type().toString());
    }
  }

  /** Throws if a value is not finite in float32; needs an open scope. */
  static void requireFinite(Tensor inputs) {
    if (!inputs.isfinite().all().item().toBool()) {
      throw new InputException(
          "the input of shape %s contains NaN, infinities, or values too large for float32"
              .formatted(Tensors.shapeOf(inputs)));
    }
  }

  /** What speaks against the order in which inputs are taken to have their dimensions. */
  static Optional<String> doubtOf(Tensor inputs) {
    boolean channelsLast =
        inputs.dim() == 4
            && inputs.size(3) <= MOST_COLOURS
            && Math.min(inputs.size(1), inputs.size(2)) > MOST_COLOURS;
    return channelsLast
        ? Optional.of(
            ("the input of shape %s was taken for %d channels of %d×%d. If its channels come last, the map"
                    + " is wrong: masks are laid over the last two dimensions, so save the network with"
                    + " inputs [N, C, H, W]")
                .formatted(Tensors.shapeOf(inputs), inputs.size(1), inputs.size(2), inputs.size(3)))
        : Optional.empty();
  }

  /** What is said of an input that something in LibTorch failed on. */
  static InputException refusal(Tensor inputs, String words, RuntimeException cause) {
    return new InputException(
        "an input of shape %s cannot be explained: %s".formatted(Tensors.shapeOf(inputs), words),
        cause);
  }
}
