package org.scorecam.cli;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
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
        names = "--mean-of",
        paramLabel = "c",
        description = "The mean of a channel of a dense output over all places.")
    private Long channel;
  }

  /** Whether a class of the network's one output is explained. */
  boolean isClass() {
    return part == null && choice.channel == null && choice.cell == null;
  }

  /** What the options ask for, at least one target. */
  List<Target> targets() {
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
    return List.of(choice.cell == null ? Target.top1() : choice.cell);
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
