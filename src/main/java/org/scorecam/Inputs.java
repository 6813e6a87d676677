package org.scorecam;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.tensor.Tensors;

/** Which tensors are accepted as inputs. */
final class Inputs {
  /** Of a picture, with its transparency. */
  private static final long MOST_COLOURS = 4;

  private Inputs() {}

  /**
   * Explains one input, [1, C, H, W] or [C, H, W], or of another rank with the dimension of the
   * batch. [1, C, L] could be a picture as well, so that it is tried as one first. Needs an open
   * scope.
   *
   * @param explain takes a batch of one
   */
  static <T> T explainOne(Tensor input, Function<Tensor, T> explain) {
    requireNonNull(input, "input");
    if (input.dim() > 3 && input.size(0) != 1) {
      throw new InputException(
          "one input must have the shape [1, C, H, W] or [C, H, W], not %s; explainBatch takes several"
              .formatted(Tensors.shapeOf(input)));
    }
    if (input.dim() != 3) {
      return explain.apply(input);
    }
    try {
      return explain.apply(input.unsqueeze(0));
    } catch (InputException asPicture) {
      if (input.size(0) != 1) {
        throw asPicture;
      }
      try {
        return explain.apply(input);
      } catch (InputException asSeries) {
        asPicture.addSuppressed(asSeries);
        throw asPicture;
      }
    }
  }

  /** A list of one target for each input. */
  static List<List<Target>> oneTargetEach(List<Target> targets) {
    return requireNonNull(targets, "targets").stream()
        .map(target -> List.of(requireNonNull(target, "a target")))
        .toList();
  }

  /** Throws if these are not floating-point inputs with one target or more for each. */
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
    if (inputs.dim() < 3 || inputs.dim() > 5) {
      throw new InputException(
          "inputs must have the shape [N, C, H, W], not %s; of series [N, C, L], of volumes [N, C, D, H, W]"
              .formatted(shape));
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
    if (!Tensors.onHost(inputs.isfinite().all()).item().toBool()) {
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
