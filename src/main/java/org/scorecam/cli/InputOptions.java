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
        paramLabel = "FILE|FOLDER|PATTERN",
        arity = "1..*",
        description =
            "Pictures: files, folders (the pictures in them), or patterns such as 'scenes/**/*.jpg'."
                + " Several give one output each, whose name ends in the picture's: out.png becomes"
                + " out-cat.png for cat.jpg, with folders before that or a number behind where names"
                + " are alike.")
    private List<String> images;

    @Option(
        names = "--tensor",
        paramLabel = "FILE.npy",
        description = "Float32 N×C×H×W, taken as it is.")
    private Path tensor;
  }

  @Option(
      names = "--fail-fast",
      description = "End with the first picture that fails; otherwise the others are done first.")
  private boolean failFast;

  /** The pictures; empty where a tensor was named. */
  List<Path> images() {
    return choice.images == null
        ? List.of()
        : choice.images.stream().flatMap(word -> PictureFiles.named(word).stream()).toList();
  }

  /** Whether one picture was named as such, so that each output file has one content. */
  boolean isOneImage() {
    return choice.images.size() == 1 && !PictureFiles.areSeveral(choice.images.get(0));
  }

  boolean failFast() {
    return failFast;
  }

  /** The tensor's file; null where pictures were named. */
  Path tensor() {
    return choice.tensor;
  }
}
