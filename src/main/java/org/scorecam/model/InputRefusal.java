package org.scorecam.model;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.tensor.Tensors;

/** What is said when a network fails on an input. */
final class InputRefusal {
  /** What LibTorch says most often, and the same for someone who did not write the network. */
  private static final List<Reason> REASONS =
      List.of(
          new Reason(
              "weight of size \\[.*], expected input\\[.*] to have (\\d+) channels, but got (\\d+) ",
              "a convolution in it takes %s channels and was given %s"),
          new Reason(
              "mat1 and mat2 shapes cannot be multiplied \\(\\d+x(\\d+) and (\\d+)x\\d+\\)",
              "a linear layer in it was given %s values for each row and takes %s; is the input of the"
                  + " size that the network was made for?"),
          new Reason(
              "Expected .* input to (conv\\w+), but got input of size: (\\[.*])",
              "a %s layer in it was given a tensor of shape %s, which has the wrong number of"
                  + " dimensions"),
          new Reason(
              "input size per channel: \\((.*)\\). Kernel size: \\((.*)\\). Kernel size can't",
              "maps of %s meet a convolution of %s in it: the input is too small"),
          new Reason(
              "Given input size: \\((.*)\\). Calculated output size: \\((.*)\\). Output size is too",
              "pooling would turn %s values into %s: the input is too small"),
          new Reason(
              "size of tensor a \\((\\d+)\\) must match the size of tensor b \\((\\d+)\\)",
              "two tensors that it combines have %s and %s values where they must have the same"
                  + " number; is the input of the size that the network was made for?"),
          new Reason(
              "shape '(\\[.*])' is invalid for input of size (\\d+)",
              "it reshapes to %s what has %s values; is the input of the size that the network was"
                  + " made for?"),
          new Reason(
              "Could not run '(.*?)' with arguments from the '(.*?)' backend",
              "its operator %s does not exist for %s tensors"));

  private record Reason(Pattern words, String plain) {
    Reason(String words, String plain) {
      this(Pattern.compile(words), plain);
    }

    Optional<String> of(String text) {
      Matcher found = words.matcher(text);
      return found.find()
          ? Optional.of(plain.formatted(found.group(1), found.group(2)))
          : Optional.empty();
    }
  }

  private InputRefusal() {}

  static InputException of(Tensor input, String words, RuntimeException cause) {
    String reason =
        REASONS.stream()
            .flatMap(known -> known.of(words).stream())
            .findFirst()
            .map(plain -> ": " + plain)
            .orElse(".\nLibTorch says: " + words);
    return new InputException(
        "the network cannot run an input of shape %s%s".formatted(Tensors.shapeOf(input), reason),
        cause);
  }
}
