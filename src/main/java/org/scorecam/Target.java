package org.scorecam;

import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.TargetException;
import org.scorecam.model.ModelOutput;
import org.scorecam.tensor.Tensors;

/**
 * What is explained: a function from the network's output for a batch to one score for each sample.
 *
 * <pre>{@code
 * Target.ofClass(242)                                          // output[:, 242]
 * Target.at(6, 3, 4)                                           // output[:, 6, 3, 4]
 * Target.at(Slice.at(6), Slice.of(2, 5), Slice.of(3, 7))       // output[:, 6, 2:5, 3:7].mean()
 * Target.meanOf(6)                                             // output[:, 6].mean()
 * Target.ofClass(242).from("heads.1")                          // output["heads"][1][:, 242]
 * Target.detection(new BoundingBox(38, 14, 160, 98), 17)       // a dog that a detector finds there
 * }</pre>
 *
 * <p>Immutable. {@link #from(String)} and {@link #from(int)} choose a part of a dict, tuple or list
 * first, which a network that returns a single tensor, perhaps with {@code None} beside it, does
 * not need. Every target is tried on the output for the unmasked input, so that an index out of
 * range is an error before any masked input is scored.
 */
public final class Target {
  private final UnaryOperator<ModelOutput> part;
  private final TargetRule rule;
  private final String name;

  /** Of which part of the output, as the end of the target's name. */
  private final String where;

  /** Whether the network gives one value where a classifier has one for each class. */
  private final boolean ofOneValue;

  private Target(TargetRule rule, String name) {
    this(UnaryOperator.identity(), rule, name, "", false);
  }

  private Target(
      UnaryOperator<ModelOutput> part,
      TargetRule rule,
      String name,
      String where,
      boolean ofOneValue) {
    this.part = part;
    this.rule = rule;
    this.name = name;
    this.where = where;
    this.ofOneValue = ofOneValue;
  }

  /**
   * A class of a classification network: score = output[:, c]. A network that puts out one value
   * for each input, [N], has class 0.
   *
   * @param index of the class, from 0
   * @return the target
   * @throws TargetException if the index is negative; later, if the output is not a tensor [N,
   *     classes] or [N], or has fewer classes
   */
  public static Target ofClass(long index) {
    if (index < 0) {
      throw new TargetException(
          "there is no class %d: classes are numbered from 0".formatted(index));
    }
    return new Target(new TargetRule.OfClass(index), "class " + index);
  }

  /**
   * The class that the network finds likeliest in the unmasked input.
   *
   * @return the target
   */
  public static Target top1() {
    return new Target(new TargetRule.Top(0), "the top class");
  }

  /**
   * The classes that the network finds likeliest in the unmasked input: the likeliest, the second,
   * and so on. Of classes with equal scores that with the lower index comes first.
   *
   * @param count how many
   * @return a target for each, the likeliest first
   * @throws TargetException if it is less than 1; later, if the output has fewer classes
   */
  public static List<Target> top(int count) {
    if (count < 1) {
      throw new TargetException("at least one top class must be asked for, not " + count);
    }
    return IntStream.range(0, count)
        .mapToObj(
            place ->
                place == 0
                    ? top1()
                    : new Target(new TargetRule.Top(place), "top class " + (place + 1)))
        .toList();
  }

  /**
   * One cell of a dense output, as detection networks have: score = output[:, c, y, x], or
   * output[:, c, i] of an output [N, C, L].
   *
   * @param cell an index from 0 for each dimension after the batch's
   * @return the target
   * @throws TargetException if there is no index, or a negative one; later, if the output has
   *     another number of dimensions, or is smaller
   */
  public static Target at(long... cell) {
    requireNonNull(cell, "cell");
    return at(Arrays.stream(cell).mapToObj(Slice::at).toArray(Slice[]::new));
  }

  /**
   * A block of a dense output, on average: score = mean of output[:, c, y₀:y₁, x₀:x₁].
   *
   * @param slices an index or range for each dimension after the batch's
   * @return the target
   * @throws TargetException if there is none; later, if the output has another number of
   *     dimensions, or is smaller
   */
  public static Target at(Slice... slices) {
    requireNonNull(slices, "slices");
    for (Slice slice : slices) {
      requireNonNull(slice, "a slice");
    }
    if (slices.length == 0) {
      throw new TargetException(
          "a cell needs an index for each dimension of the output after the batch's");
    }
    TargetRule.Block block = new TargetRule.Block(List.of(slices));
    return new Target(block, block.toString());
  }

  /**
   * A channel of a dense output on average over all places, as for a class of a segmentation
   * network: score = mean over y and x of output[:, c, y, x].
   *
   * @param channel c
   * @return the target
   * @throws TargetException if it is negative; later, if the output is not a tensor [N, C, …] with
   *     a dimension or more after the channels, or has fewer channels
   */
  public static Target meanOf(long channel) {
    if (channel < 0) {
      throw new TargetException(
          "there is no channel %d: channels are numbered from 0".formatted(channel));
    }
    return new Target(new TargetRule.MeanOfChannel(channel), "mean of channel " + channel);
  }

  /**
   * A detection of a network that returns, perhaps beside something else, a list with a dict of
   * boxes, labels and scores for each input, as torchvision's detectors do: the score of the
   * detection of that label that overlaps the box most, times the overlap (the area of the
   * intersection over that of the union); 0 where there is none. Recipes that take a softmax of the
   * output take none of it, since these are probabilities already.
   *
   * @param box where, in pixels of the network's input
   * @param label of what
   * @return the target
   * @throws TargetException later, if the output has no such list, or if in the unmasked input no
   *     detection of the label overlaps the box, with those there are
   */
  public static Target detection(BoundingBox box, long label) {
    TargetRule.OfDetection rule = new TargetRule.OfDetection(requireNonNull(box, "box"), label);
    return new Target(rule, rule.toString());
  }

  /**
   * As {@link #detection} for the strongest detection in the unmasked input.
   *
   * @return the target
   */
  public static Target topDetection() {
    return new Target(new TargetRule.TopDetection(OptionalLong.empty()), "the top detection");
  }

  /**
   * As {@link #detection} for the strongest detection of a label in the unmasked input.
   *
   * @param label of what
   * @return the target
   */
  public static Target topDetection(long label) {
    return new Target(
        new TargetRule.TopDetection(OptionalLong.of(label)), "the top detection labelled " + label);
  }

  /**
   * Any function of the output.
   *
   * <p>It runs inside a scope that frees what it makes, and with gradients off, but for the first
   * pass where channels are chosen by gradient: then it must be differentiable. It must treat each
   * sample by itself and be safe for several threads.
   *
   * @param scores from a tensor [n, …], which it must not change, to floating-point [n]
   * @return the target
   */
  public static Target of(Function<Tensor, Tensor> scores) {
    return new Target(new TargetRule.Custom(requireNonNull(scores, "scores")), "custom function");
  }

  /**
   * The same target on one part of the dict, tuple or list that the network returns.
   *
   * @param path a key of a dict, a field of a named tuple, a position from 0, or several of these
   *     joined by dots, such as {@code heads.1}; {@link ModelOutput#get(String)} says what wins
   *     where several fit
   * @return a new target
   */
  public Target from(String path) {
    requireNonNull(path, "path");
    return from(output -> output.get(path), " of '" + path + "'");
  }

  /**
   * The same target on one element of the tuple, list or dict that the network returns, in the
   * order in which it put them.
   *
   * @param position of the element, from 0
   * @return a new target
   * @throws TargetException if it is negative
   */
  public Target from(int position) {
    if (position < 0) {
      throw new TargetException(
          "there is no position %d: positions are numbered from 0".formatted(position));
    }
    return from(output -> output.get(position), " of output " + position);
  }

  private Target from(UnaryOperator<ModelOutput> chosen, String ofPart) {
    return new Target(
        output -> part.apply(chosen.apply(output)), rule, name, where + ofPart, ofOneValue);
  }

  /**
   * The class of interest, where there is one.
   *
   * @return the index of a class, or the label of a detection; empty for other targets, and for the
   *     top classes and {@link #topDetection()} until an input was explained ({@link
   *     Saliency#target()} has it)
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
    return name + where;
  }

  /**
   * The target's scores of inputs that were passed through the network, for those who score inputs
   * themselves: {@link org.scorecam.scoring.MaskedInputs#scoresOf}.
   *
   * @param output for a batch
   * @param score what of it is scored
   * @param firstRow the first row that is asked for
   * @param count how many rows
   * @return float32 [count], on the network's device, owned by the scope that must be open
   * @throws TargetException if the target does not fit the output
   * @throws IllegalStateException if the target still has to be looked up in the unmasked input, as
   *     {@link #top1()}; {@link Saliency#target()} has been
   */
  public Tensor scoresOf(ModelOutput output, Recipe.Score score, int firstRow, int count) {
    Tensor rows = partOf(output).narrow(0, firstRow, count);
    return scores(rule.seesScores() ? rows : score.of(rows)).to(ScalarType.Float);
  }

  /**
   * As {@link org.scorecam.scoring.MaskedInputs#scoresOf}, of the targets of one image, whose top
   * classes were looked up.
   */
  static Tensor scoresOf(
      List<Target> targets, Recipe recipe, ModelOutput output, int firstRow, int count) {
    TensorVector scores = new TensorVector();
    for (Target target : targets) {
      scores.push_back(target.scoresOf(output, recipe.score(), firstRow, count));
    }
    return torch.stack(scores, 1);
  }

  /** Whether it is a caller's function, which may compute with tensors of the model's device. */
  boolean isFunction() {
    return rule instanceof TargetRule.Custom;
  }

  /** Whether it would be elsewhere in a mirrored input. */
  boolean namesPlace() {
    return rule.namesPlace();
  }

  /** The tensor that the target looks at; owned by the output or by the scope that is open. */
  Tensor partOf(ModelOutput output) {
    return rule.seenOf(part.apply(output));
  }

  /** Rows of {@link #partOf} as they are scored by a recipe; needs an open scope. */
  Tensor scored(Recipe recipe, Tensor rows) {
    return rule.seesScores() ? rows : recipe.scored(rows);
  }

  /**
   * The target for one image: its top class found, and its indices checked.
   *
   * @param output what {@link #partOf} gives for that image unmasked, [1, …]
   * @throws TargetException if the target does not fit it
   */
  Target resolve(Tensor output) {
    requireScores(output);
    TargetRule resolved = rule.resolve(output);
    resolved.scores(output);
    String found = resolved.equals(rule) ? name : foundAs(resolved);
    return new Target(part, resolved, found, where, isOneValue(output));
  }

  /** Whether its scores can be had without a look at the output's values. */
  boolean canBeQueued() {
    return !rule.seesScores();
  }

  /**
   * As {@link #resolve}, but that a top class is found on the device alone: no value of the output
   * is looked at. Needs an open scope, in which alone the new target can be used.
   *
   * @throws TargetException if the target does not fit the output's shape
   */
  Target queue(Tensor output) {
    requireScores(output);
    TargetRule queued = rule.queue(output);
    queued.scores(output);
    return new Target(part, queued, name, where, isOneValue(output));
  }

  /** The class that a queued target has found, int64 [1] on the device; nothing for others. */
  Optional<Tensor> queuedClass() {
    return rule instanceof TargetRule.QueuedTop top ? Optional.of(top.index()) : Optional.empty();
  }

  /** A queued target once it is known which class {@link #queuedClass} has found. */
  Target found(long index) {
    TargetRule found = new TargetRule.OfClass(index);
    return new Target(part, found, foundAs(found), where, ofOneValue);
  }

  private String foundAs(TargetRule found) {
    return "%s (%s)".formatted(found, name);
  }

  private boolean isOneValue(Tensor output) {
    return !rule.seesScores() && (output.dim() == 1 || output.size(1) == 1);
  }

  private void requireScores(Tensor output) {
    if (!isFunction() && !output.is_floating_point()) {
      throw new TargetException(
          ("the network's output of shape %s holds numbers of type %s, which are not scores: perhaps the"
                  + " class that an argmax chose. Explain what comes before that: a network saved without"
                  + " its last step, or another part of the output (Target.from, --from)")
              .formatted(Tensors.shapeOf(output), output.scalar_type()));
    }
  }

  /**
   * Whether a resolved target looks at one value where a classifier has one for each class: its
   * softmax is 1.
   */
  boolean isOfOneValue() {
    return ofOneValue;
  }

  /** One score for each row of [n, …]; needs an open scope. */
  Tensor scores(Tensor output) {
    return rule.scores(output);
  }
}
