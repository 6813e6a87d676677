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
            "Pictures to explain: files, folders (the pictures directly in them), or patterns such as"
                + " 'scenes/**/*.jpg'. Several pictures get an output file each, named after the"
                + " picture: out.png becomes out-cat.png for cat.jpg, and out-train-cat.png or"
                + " out-cat-2.png where several are called cat.")
    private List<String> images;

    @Option(
        names = "--tensor",
        paramLabel = "FILE.npy",
        description =
            "Inputs [N, C, H, W], already preprocessed; series [N, C, L] or volumes [N, C, D, H, W] of"
                + " networks for them.")
    private Path tensor;
  }

  @Option(
      names = "--fail-fast",
      description =
          "Stop at the first picture that fails. By default the others are still explained.")
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
