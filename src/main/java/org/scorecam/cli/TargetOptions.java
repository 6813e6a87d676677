package org.scorecam.cli;

import java.util.Arrays;
import java.util.regex.Pattern;
import org.scorecam.Target;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options that say what is explained. */
final class TargetOptions {
  @ArgGroup private Choice choice = new Choice();

  @Option(
      names = "--from",
      paramLabel = "KEY|POSITION",
      description = "The entry of the dict or tuple that the network returns.")
  private String part;

  /** At most one of these. */
  private static final class Choice {
    @Option(
        names = "--class",
        paramLabel = "N",
        description = "Index of the class; the top class unless given.")
    private Long classIndex;

    @Option(
        names = "--at",
        paramLabel = "c,y,x",
        converter = CellConverter.class,
        description = "A cell of a dense output.")
    private Target cell;

    @Option(
        names = "--mean-of",
        paramLabel = "c",
        description = "A channel of a dense output, on average over all places.")
    private Long channel;
  }

  /** Whether a class of the network's one output is explained. */
  boolean isClass() {
    return part == null && choice.channel == null && choice.cell == null;
  }

  /** What the options ask for. */
  Target target() {
    if (part == null) {
      return whole();
    }
    return part.matches("\\d{1,9}") ? whole().from(Integer.parseInt(part)) : whole().from(part);
  }

  private Target whole() {
    if (choice.classIndex != null) {
      return Target.ofClass(choice.classIndex);
    }
    if (choice.channel != null) {
      return Target.meanOf(choice.channel);
    }
    return choice.cell == null ? Target.top1() : choice.cell;
  }

  private static final class CellConverter implements ITypeConverter<Target> {
    private static final Pattern SPELLING = Pattern.compile("\\d{1,9},\\d{1,9},\\d{1,9}");

    @Override
    public Target convert(String text) {
      if (!SPELLING.matcher(text).matches()) {
        throw new TypeConversionException(
            "'%s' is no cell; write channel,row,column, such as 6,3,4".formatted(text));
      }
      long[] cell = Arrays.stream(text.split(",", -1)).mapToLong(Long::parseLong).toArray();
      return Target.at(cell[0], cell[1], cell[2]);
    }
  }
}
