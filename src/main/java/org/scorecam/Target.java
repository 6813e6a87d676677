package org.scorecam;

import java.util.OptionalLong;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.TargetException;
import org.scorecam.model.ModelOutput;
import org.scorecam.tensor.Tensors;

/**
 * What is explained: a function from the network's output for a batch to one score for each sample.
 *
 * <p>Immutable. {@link #from(String)} and {@link #from(int)} choose a part of a dict or tuple
 * first. Every target is tried on the output for the unmasked input, so that an index out of range
 * is an error before any masked input is scored.
 */
public final class Target {
  private final UnaryOperator<ModelOutput> part;
  private final Rule rule;
  private final String name;

  private Target(UnaryOperator<ModelOutput> part, Rule rule, String name) {
    this.part = part;
    this.rule = rule;
    this.name = name;
  }

  /** How scores are read from a tensor, once it is known that they can be. */
  private interface Rule {
    /** The rule for one image, after a look at its own output [1, …]. */
    Rule resolve(Tensor output);

    /** [n, …] to [n]. */
    Tensor scores(Tensor output);

    default OptionalLong classIndex() {
      return OptionalLong.empty();
    }
  }

  /**
   * A class of a classification network: score = output[:, c].
   *
   * @param index of the class, from 0
   * @return the target
   * @throws TargetException if the index is negative; later, if the output is no [N, classes]
   *     tensor or has fewer classes
   */
  public static Target ofClass(long index) {
    requireNotNegative("class", index);
    return new Target(UnaryOperator.identity(), new OfClass(index), "class " + index);
  }

  /**
   * The class that the network finds likeliest in the unmasked input.
   *
   * @return the target
   */
  public static Target top1() {
    return new Target(UnaryOperator.identity(), new Top1(), "top class");
  }

  /**
   * One cell of a dense output, as detection networks have: score = output[:, c, y, x].
   *
   * @param channel c
   * @param y row of the cell
   * @param x column of the cell
   * @return the target
   * @throws TargetException if an index is negative; later, if the output is no [N, C, H, W] tensor
   *     or smaller
   */
  public static Target at(long channel, long y, long x) {
    requireNotNegative("channel", channel);
    requireNotNegative("row", y);
    requireNotNegative("column", x);
    return new Target(
        UnaryOperator.identity(),
        new AtCell(channel, y, x),
        "cell (%d, %d, %d)".formatted(channel, y, x));
  }

  /**
   * A channel of a dense output on average over all places, as for a class of a segmentation
   * network: score = mean over y and x of output[:, c, y, x].
   *
   * @param channel c
   * @return the target
   * @throws TargetException if it is negative; later, if the output is no [N, C, H, W] tensor or
   *     has fewer channels
   */
  public static Target meanOf(long channel) {
    requireNotNegative("channel", channel);
    return new Target(
        UnaryOperator.identity(), new MeanOfChannel(channel), "mean of channel " + channel);
  }

  /**
   * Any function of the output.
   *
   * <p>It runs with gradients off inside a scope that frees what it makes. It must treat each
   * sample by itself and be safe for several threads.
   *
   * @param scores from a tensor [n, …], which it must not change, to floating-point [n]
   * @return the target
   */
  public static Target of(Function<Tensor, Tensor> scores) {
    return new Target(UnaryOperator.identity(), new Custom(scores), "custom function");
  }

  /**
   * The same target on one entry of the dict that the network returns.
   *
   * @param key of the entry
   * @return a new target
   */
  public Target from(String key) {
    return new Target(output -> part.apply(output.get(key)), rule, name + " of '" + key + "'");
  }

  /**
   * The same target on one element of the tuple that the network returns.
   *
   * @param position of the element, from 0
   * @return a new target
   */
  public Target from(int position) {
    return new Target(
        output -> part.apply(output.get(position)), rule, name + " of output " + position);
  }

  /**
   * The class of interest, where there is one.
   *
   * @return the index of a class; empty for other targets, and for {@link #top1()} until an input
   *     was explained ({@link Saliency#target()} has it)
   */
  public OptionalLong classIndex() {
    return rule.classIndex();
  }

  /**
   * The target in words.
   *
   * @return for example {@code class 242}
   */
  @Override
  public String toString() {
    return name;
  }

  /** The tensor that the target looks at; owned by the output. */
  Tensor partOf(ModelOutput output) {
    return part.apply(output).tensor();
  }

  /**
   * The target for one image: its top class found, and its indices checked.
   *
   * @param output what {@link #partOf} gives for that image unmasked, [1, …]
   * @throws TargetException if the target does not fit it
   */
  Target resolve(Tensor output) {
    Rule resolved = rule.resolve(output);
    resolved.scores(output);
    String found =
        resolved.classIndex().isPresent() && rule.classIndex().isEmpty()
            ? "class " + resolved.classIndex().getAsLong() + " (the top class)"
            : name;
    return new Target(part, resolved, found);
  }

  /** One score for each row of [n, …]; needs an open scope. */
  Tensor scores(Tensor output) {
    return rule.scores(output);
  }

  private static void requireNotNegative(String what, long index) {
    if (index < 0) {
      throw new TargetException("there is no %s %d: indices start at 0".formatted(what, index));
    }
  }

  private static void require(Tensor output, String form, String what, long... indices) {
    if (output.dim() != indices.length + 1) {
      throw new TargetException(
          "%s needs an output of shape %s; the network's has the shape %s"
              .formatted(what, form, Tensors.shapeOf(output)));
    }
    for (int i = 0; i < indices.length; i++) {
      if (indices[i] >= output.size(i + 1L)) {
        throw new TargetException(
            "%s is out of range: the network's output has the shape %s"
                .formatted(what, Tensors.shapeOf(output)));
      }
    }
  }

  private record OfClass(long index) implements Rule {
    @Override
    public Rule resolve(Tensor output) {
      require(output, "[N, classes]", "class " + index, index);
      return this;
    }

    @Override
    public Tensor scores(Tensor output) {
      return output.select(1, index);
    }

    @Override
    public OptionalLong classIndex() {
      return OptionalLong.of(index);
    }
  }

  private record Top1() implements Rule {
    @Override
    public Rule resolve(Tensor output) {
      require(output, "[N, classes]", "the top class", 0);
      return new OfClass(output.argmax().item_long());
    }

    @Override
    public Tensor scores(Tensor output) {
      throw new IllegalStateException("the top class was not looked up");
    }
  }

  private record AtCell(long channel, long y, long x) implements Rule {
    @Override
    public Rule resolve(Tensor output) {
      String cell = "cell (%d, %d, %d)".formatted(channel, y, x);
      require(output, "[N, C, H, W]", cell, channel, y, x);
      return this;
    }

    @Override
    public Tensor scores(Tensor output) {
      return output.select(1, channel).select(1, y).select(1, x);
    }
  }

  private record MeanOfChannel(long channel) implements Rule {
    @Override
    public Rule resolve(Tensor output) {
      require(output, "[N, C, H, W]", "the mean of channel " + channel, channel, 0, 0);
      return this;
    }

    @Override
    public Tensor scores(Tensor output) {
      return output.select(1, channel).mean(1, 2);
    }
  }

  private record Custom(Function<Tensor, Tensor> function) implements Rule {
    @Override
    public Rule resolve(Tensor output) {
      return this;
    }

    @Override
    public Tensor scores(Tensor output) {
      Tensor scores =
          NativeErrors.translate(
              () -> function.apply(output),
              (words, e) ->
                  new TargetException(
                      "the scoring function failed on an output of shape %s: %s"
                          .formatted(Tensors.shapeOf(output), words),
                      e));
      if (scores == null || scores.dim() != 1 || scores.size(0) != output.size(0)) {
        throw new TargetException(
            "the scoring function must give one score for each of the %d samples, not %s"
                .formatted(
                    output.size(0),
                    scores == null ? "null" : "a tensor of shape " + Tensors.shapeOf(scores)));
      }
      return scores;
    }
  }
}
