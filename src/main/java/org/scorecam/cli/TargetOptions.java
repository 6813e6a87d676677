package org.scorecam.cli;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.scorecam.BoundingBox;
import org.scorecam.Slice;
import org.scorecam.Target;
import org.scorecam.error.TargetException;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The options that say what is explained. */
final class TargetOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @ArgGroup private Choice choice = new Choice();

  @Option(
      names = "--from",
      paramLabel = "PATH",
      description =
          "Which part to explain of a dict, tuple or list that the network returns: a key, field"
              + " name or position, or several joined by dots, such as heads.1. Not needed where the"
              + " network returns a single tensor.")
  private String part;

  /** At most one of these. */
  private static final class Choice {
    @Option(
        names = "--class",
        paramLabel = "N",
        split = ",",
        description =
            "Index of the class, from 0; default: the top class. Several, separated by commas, are"
                + " explained in the time of one.")
    private List<Long> classes = List.of();

    @Option(
        names = "--top",
        paramLabel = "N",
        converter = Positive.class,
        description = "The N likeliest classes of each input, explained in the time of one.")
    private Integer top;

    @Option(
        names = "--at",
        paramLabel = "c,y,x",
        converter = CellConverter.class,
        description =
            "A cell of a dense output: one index, from 0, for each dimension after the batch's."
                + " An index may be a range, as in c,y0:y1,x0:x1: then the mean is explained. The end"
                + " of a range is not part of it; : is a whole dimension.")
    private Target cell;

    @Option(
        names = "--box",
        paramLabel = "x0,y0,x1,y1|top",
        converter = BoxConverter.class,
        description =
            "A detection of the label that --label names: the score of that which overlaps this box"
                + " most, times the overlap. In pixels of the network's input. top is the strongest"
                + " detection, of any label unless --label names one.")
    private AskedBox box;

    @Option(
        names = "--mean-of",
        paramLabel = "c",
        description = "The mean of a channel of a dense output over all places.")
    private Long channel;
  }

  @Option(
      names = "--label",
      paramLabel = "N",
      description = "Label of the detection at --box, as the network numbers them.")
  private Long label;

  /** Whether a class of the network's one output is explained. */
  boolean isClass() {
    return part == null && choice.channel == null && choice.cell == null && choice.box == null;
  }

  /** Refuses options that say half of what is needed. */
  private void requireComplete() {
    if (label != null && choice.box == null) {
      throw new ParameterException(
          command.commandLine(),
          "--label needs --box x0,y0,x1,y1, the detection's place, or --box top; a class of a"
              + " classifier is chosen with --class");
    }
    if (choice.box != null && choice.box.place != null && label == null) {
      throw new ParameterException(
          command.commandLine(), "--box needs --label N, the label of the detection there");
    }
  }

  /** What the options ask for, at least one target. */
  List<Target> targets() {
    requireComplete();
    if (choice.classes.stream().distinct().count() < choice.classes.size()) {
      throw new ParameterException(command.commandLine(), "--class names a class twice");
    }
    List<Target> whole = whole();
    return part == null ? whole : whole.stream().map(target -> target.from(part)).toList();
  }

  /** The one target of a command that takes no more. */
  Target target() {
    List<Target> asked = targets();
    if (asked.size() > 1) {
      throw new ParameterException(
          command.commandLine(),
          "this command explains one class; %d are named".formatted(asked.size()));
    }
    return asked.get(0);
  }

  /** Names for the files of each target; a single one needs none. */
  List<String> fileNames() {
    if (choice.classes.size() > 1) {
      return choice.classes.stream().map(index -> "-class" + index).toList();
    }
    return choice.top == null || choice.top == 1
        ? List.of("")
        : IntStream.rangeClosed(1, choice.top).mapToObj(place -> "-top" + place).toList();
  }

  private List<Target> whole() {
    if (!choice.classes.isEmpty()) {
      return choice.classes.stream().map(Target::ofClass).toList();
    }
    if (choice.top != null) {
      return Target.top(choice.top);
    }
    if (choice.channel != null) {
      return List.of(Target.meanOf(choice.channel));
    }
    if (choice.box != null) {
      return List.of(detection());
    }
    return List.of(choice.cell == null ? Target.top1() : choice.cell);
  }

  private Target detection() {
    if (choice.box.place != null) {
      return Target.detection(choice.box.place, label);
    }
    return label == null ? Target.topDetection() : Target.topDetection(label);
  }

  /** A box, or null for that of the strongest detection. */
  private record AskedBox(BoundingBox place) {}

  private static final class BoxConverter implements ITypeConverter<AskedBox> {
    @Override
    public AskedBox convert(String text) {
      try {
        return new AskedBox(text.equals("top") ? null : BoundingBox.parse(text));
      } catch (TargetException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  private static final class CellConverter implements ITypeConverter<Target> {
    @Override
    public Target convert(String text) {
      try {
        return Target.at(
            Arrays.stream(text.split(",", -1)).map(Slice::parse).toArray(Slice[]::new));
      } catch (TargetException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
