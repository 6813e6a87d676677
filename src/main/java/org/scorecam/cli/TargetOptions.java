package org.scorecam.cli;

import java.util.Arrays;
import org.scorecam.Slice;
import org.scorecam.Target;
import org.scorecam.error.TargetException;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options that say what is explained. */
final class TargetOptions {
  @ArgGroup private Choice choice = new Choice();

  @Option(
      names = "--from",
      paramLabel = "PATH",
      description =
          "The part of the dict, tuple or list that the network returns: a key, field name or"
              + " position, or several joined by dots, such as heads.1. Not needed where the network"
              + " returns a single tensor.")
  private String part;

  /** At most one of these. */
  private static final class Choice {
    @Option(
        names = "--class",
        paramLabel = "N",
        description = "Index of the class, from 0; the top class unless given.")
    private Long classIndex;

    @Option(
        names = "--at",
        paramLabel = "c,y,x",
        converter = CellConverter.class,
        description =
            "A cell of a dense output: an index for each dimension after the first, the batch's,"
                + " from 0. In place of an index a range, such as c,y0:y1,x0:x1, takes the mean over"
                + " it, without its end; : is a whole dimension.")
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
    return part == null ? whole() : whole().from(part);
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
