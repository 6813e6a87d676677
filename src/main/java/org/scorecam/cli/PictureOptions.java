package org.scorecam.cli;

import org.scorecam.image.Interpolation;
import org.scorecam.image.Preprocessing;
import picocli.CommandLine.Option;

/** The options that say how a picture becomes the network's input. */
final class PictureOptions {
  /** The presets. */
  private enum Preset {
    IMAGENET,
    NONE
  }

  @Option(
      names = "--preprocess",
      paramLabel = "imagenet|none",
      defaultValue = "imagenet",
      description =
          "How pictures are resized and normalised; none leaves their size, and gives values from 0"
              + " to 1, as torchvision's detectors want them; default: ${DEFAULT-VALUE}.")
  private Preset preset;

  @Option(
      names = "--size",
      paramLabel = "WxH",
      converter = Size.Converter.class,
      description = "Stretch pictures to this size, instead of the resizing of --preprocess.")
  private Size size;

  @Option(
      names = "--grey",
      description = "Convert pictures to grey, for a network that takes one channel.")
  private boolean grey;

  /** What the options ask for. */
  Preprocessing preprocessing() {
    Preprocessing chosen =
        preset == Preset.IMAGENET ? Preprocessing.imagenet() : Preprocessing.none();
    if (size != null) {
      chosen = chosen.stretch(size.width(), size.height(), Interpolation.BILINEAR);
    }
    return grey ? chosen.grey() : chosen;
  }
}
