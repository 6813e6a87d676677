package org.scorecam;

import static java.util.stream.Collectors.joining;

import java.util.List;
import java.util.OptionalLong;
import java.util.function.Function;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.TargetException;
import org.scorecam.model.ModelOutput;
import org.scorecam.tensor.Tensors;

/** How a {@link Target} reads scores from a tensor, once it is known that it can. */
interface TargetRule {
  /** What it looks at of its part of the output: [n, …]; needs an open scope. */
  default Tensor seenOf(ModelOutput part) {
    return part.tensor();
  }

  /** Whether what it looks at has scores of its own, of which no softmax is to be taken. */
  default boolean seesScores() {
    return false;
  }

  /** Whether it looks at one place of the input. */
  default boolean namesPlace() {
    return false;
  }

  /** The rule for one image, after a look at its own output [1, …]. */
  TargetRule resolve(Tensor output);

  /** The same where no value of the output is to be brought to the host. */
  default TargetRule queue(Tensor output) {
    return resolve(output);
  }

  /** [n, …] to [n]. */
  Tensor scores(Tensor output);

  default OptionalLong classIndex() {
    return OptionalLong.empty();
  }

  private static TargetException unfit(String what, String form, Tensor output) {
    return new TargetException(
        "%s needs an output of shape %s; the network's has the shape %s"
            .formatted(what, form, Tensors.shapeOf(output)));
  }

  private static TargetException outOfRange(String what, Tensor output) {
    return new TargetException(
        "%s is out of range: the network's output has the shape %s"
            .formatted(what, Tensors.shapeOf(output)));
  }

  private static void requireClasses(String what, Tensor output) {
    if (output.dim() > 2) {
      throw new TargetException(
          unfit(what, "[N, classes]", output).getMessage()
              + "; of a dense output, choose a cell (Target.at, --at) or a channel (Target.meanOf,"
              + " --mean-of)");
    }
  }

  record OfClass(long index) implements TargetRule {
    @Override
    public TargetRule resolve(Tensor output) {
      requireClasses("class " + index, output);
      if (index >= (output.dim() == 1 ? 1 : output.size(1))) {
        throw outOfRange("class " + index, output);
      }
      return this;
    }

    @Override
    public Tensor scores(Tensor output) {
      return output.dim() == 1 ? output : output.select(1, index);
    }

    @Override
    public OptionalLong classIndex() {
      return OptionalLong.of(index);
    }

    @Override
    public String toString() {
      return "class " + index;
    }
  }

  /** The class at a place from 0 in the order of the unmasked input's scores, highest first. */
  record Top(int place) implements TargetRule {
    @Override
    public TargetRule resolve(Tensor output) {
      return new OfClass(indexIn(output).item_long());
    }

    @Override
    public TargetRule queue(Tensor output) {
      return new QueuedTop(indexIn(output));
    }

    /** Of [1, classes] or [1]; int64 [1] where the output is. */
    private Tensor indexIn(Tensor output) {
      String what = place == 0 ? "the top class" : "top class " + (place + 1);
      requireClasses(what, output);
      if (place >= output.numel()) {
        throw outOfRange(what, output);
      }
      return output.flatten().sort(new BoolOptional(true), 0, true).get1().narrow(0, place, 1);
    }

    @Override
    public Tensor scores(Tensor output) {
      throw new IllegalStateException("the top class was not looked up");
    }
  }

  /** The class whose index, int64 [1], is known to the device alone. */
  record QueuedTop(Tensor index) implements TargetRule {
    @Override
    public TargetRule resolve(Tensor output) {
      return this;
    }

    @Override
    public Tensor scores(Tensor output) {
      return output.dim() == 1 ? output : output.index_select(1, index).squeeze(1);
    }
  }

  record Block(List<Slice> slices) implements TargetRule {
    private static final List<String> FORMS =
        List.of("[N, C]", "[N, C, L]", "[N, C, H, W]", "[N, C, D, H, W]");

    @Override
    public TargetRule resolve(Tensor output) {
      if (output.dim() != slices.size() + 1) {
        throw unfit(toString(), form(), output);
      }
      for (int i = 0; i < slices.size(); i++) {
        if (!slices.get(i).isWithin(output.size(i + 1))) {
          throw outOfRange(toString(), output);
        }
      }
      return this;
    }

    private String form() {
      int dimensions = slices.size();
      return dimensions <= FORMS.size()
          ? FORMS.get(dimensions - 1)
          : "[N, …] with %d dimensions after N".formatted(dimensions);
    }

    @Override
    public boolean namesPlace() {
      return slices.stream().skip(1).anyMatch(slice -> !slice.equals(Slice.all()));
    }

    @Override
    public Tensor scores(Tensor output) {
      Tensor block = output;
      for (int i = 0; i < slices.size(); i++) {
        Slice slice = slices.get(i);
        block = block.narrow(i + 1, slice.from(), slice.lengthIn(output.size(i + 1)));
      }
      return meanOfEach(block);
    }

    @Override
    public String toString() {
      String places = slices.stream().map(Slice::toString).collect(joining(", ", "(", ")"));
      return (slices.stream().allMatch(Slice::isIndex) ? "cell " : "mean of ") + places;
    }
  }

  record MeanOfChannel(long channel) implements TargetRule {
    @Override
    public TargetRule resolve(Tensor output) {
      String what = "the mean of channel " + channel;
      if (output.dim() < 3) {
        throw unfit(what, "[N, C, H, W] or any [N, C, …]", output);
      }
      if (channel >= output.size(1) || output.numel() == 0) {
        throw outOfRange(what, output);
      }
      return this;
    }

    @Override
    public Tensor scores(Tensor output) {
      return meanOfEach(output.select(1, channel));
    }
  }

  /** What looks at the boxes that a detector finds. */
  interface OfBoxes extends TargetRule {
    @Override
    default Tensor seenOf(ModelOutput part) {
      return Detections.in(part);
    }

    @Override
    default boolean seesScores() {
      return true;
    }

    @Override
    default boolean namesPlace() {
      return true;
    }
  }

  record OfDetection(BoundingBox box, long label) implements OfBoxes {
    @Override
    public TargetRule resolve(Tensor output) {
      Detections.require(output, box, label);
      return this;
    }

    @Override
    public Tensor scores(Tensor output) {
      return Detections.scores(output, box, label);
    }

    @Override
    public OptionalLong classIndex() {
      return OptionalLong.of(label);
    }

    @Override
    public String toString() {
      return "detection of label %d at %s".formatted(label, box);
    }
  }

  record TopDetection(OptionalLong label) implements OfBoxes {
    @Override
    public TargetRule resolve(Tensor output) {
      Detections.Detection found = Detections.strongest(output, label);
      return new OfDetection(found.box(), found.label());
    }

    @Override
    public Tensor scores(Tensor output) {
      throw new IllegalStateException("the top detection was not looked up");
    }
  }

  /** [n, …] to [n]. */
  private static Tensor meanOfEach(Tensor rows) {
    Tensor flat = rows.flatten(1, -1);
    return flat.size(1) == 1 ? flat.squeeze(1) : flat.to(ScalarType.Float).mean(1);
  }

  record Custom(Function<Tensor, Tensor> function) implements TargetRule {
    @Override
    public TargetRule resolve(Tensor output) {
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
            "the scoring function must return one score for each of the %d samples, not %s"
                .formatted(
                    output.size(0),
                    scores == null ? "null" : "a tensor of shape " + Tensors.shapeOf(scores)));
      }
      return scores;
    }
  }
}
