package org.scorecam.cli;

import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Option;

/** The options that name what is explained: pictures, or a tensor that needs no preprocessing. */
final class InputOptions {
  @ArgGroup(multiplicity = "1")
  private Choice choice;

  /** Exactly one of these. */
  private static final class Choice {
    @Option(
        names = "--image",
        paramLabel = "FILE",
        arity = "1..*",
        description = "PNG or JPEG; several give one output each.")
    private List<Path> images;

    @Option(
        names = "--tensor",
        paramLabel = "FILE.npy",
        description = "Float32 N×C×H×W, taken as it is.")
    private Path tensor;
  }

  /** The pictures; empty where a tensor was named. */
  List<Path> images() {
    return choice.images == null ? List.of() : choice.images;
  }

  /** The tensor's file; null where pictures were named. */
  Path tensor() {
    return choice.tensor;
  }
}
