package org.scorecam.model;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.graph.Activation;
import org.scorecam.nn.Submodule;
import org.scorecam.tensor.Tensors;

/**
 * The calls of modules without modules of their own, as they come, to tell whether a module that
 * consists of them is squeeze and excitation: a mean of the image, a convolution, an activation,
 * another convolution, a gate, and the product of that and the input.
 */
final class SqueezeCalls {
  /** Of a module, and where they are found. */
  record Convolutions(Submodule module, Submodule squeeze, Submodule excite) {
    Stream<Submodule> all() {
      return Stream.of(module, squeeze, excite);
    }
  }

  /**
   * A call, whose tensors may be closed by now: they tell what was given to whom.
   *
   * @param isMean whether the output is the mean of the image
   */
  private record Call(Submodule module, Tensor input, Tensor output, boolean isMean) {
    static Call of(Submodule module, Tensor input, Tensor output) {
      boolean isMean =
          isOneForEachChannel(output)
              && input.dim() == 4
              && input.size(1) == output.size(1)
              && torch.allclose(output, meanOf(input));
      return new Call(module, input, output, isMean);
    }

    private static Tensor meanOf(Tensor image) {
      return image.mean(new long[] {2, 3}, true, new ScalarTypeOptional());
    }

    /** By identity: the addresses of closed ones may be those of others. */
    @SuppressWarnings("ReferenceEquality")
    boolean isGiven(Tensor tensor) {
      return input == tensor;
    }
  }

  private static final int CALLS = 5;

  /** The last of them. */
  private final Deque<Call> last = new ArrayDeque<>();

  /** What the last one put out, if it is a value for each channel of one image; else null. */
  private float[] scales;

  private long count;

  /** How many there have been. */
  long count() {
    return count;
  }

  /** Needs an open scope. */
  void add(Submodule module, Tensor input, Tensor output) {
    count++;
    scales = isOneForEachChannel(output) ? Tensors.toArray(output) : null;
    last.add(Call.of(module, input, output));
    if (last.size() > CALLS) {
      last.remove();
    }
  }

  /**
   * What a module is, by what has been called since it was. Needs an open scope.
   *
   * @param before how many calls there had been
   * @return nothing if the module is something else
   */
  Optional<Convolutions> in(Submodule module, long before, Tensor input, Tensor output) {
    if (count - before != CALLS) {
      return Optional.empty();
    }
    List<Call> calls = List.copyOf(last);
    Tensor given = input;
    for (Call call : calls) {
      if (!call.isGiven(given)) {
        return Optional.empty();
      }
      given = call.output;
    }
    Submodule squeeze = calls.get(1).module;
    Submodule excite = calls.get(3).module;
    boolean found =
        calls.get(0).isMean
            && ModuleTypes.isConvolution(squeeze)
            && Activation.of(calls.get(2).module) != Activation.NONE
            && ModuleTypes.isConvolution(excite)
            && Activation.of(calls.get(4).module) != Activation.NONE
            && isProduct(output, input);
    return found ? Optional.of(new Convolutions(module, squeeze, excite)) : Optional.empty();
  }

  private static boolean isOneForEachChannel(Tensor tensor) {
    return tensor.dim() == 4 && tensor.size(0) == 1 && tensor.size(2) == 1 && tensor.size(3) == 1;
  }

  private boolean isProduct(Tensor output, Tensor input) {
    if (scales == null
        || scales.length != input.size(1)
        || !Arrays.equals(input.shape(), output.shape())) {
      return false;
    }
    try (Tensor factors = Tensors.of(scales, 1, scales.length, 1, 1)) {
      return output.equal(input.mul(factors));
    }
  }
}
