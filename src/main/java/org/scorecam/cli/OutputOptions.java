package org.scorecam.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.scorecam.error.OutputException;
import org.scorecam.image.Colormap;
import org.scorecam.image.Interpolation;
import org.scorecam.image.Overlay;
import org.scorecam.image.Picture;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options that say what is written. */
final class OutputOptions {
  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = {
        "Write the picture with the heatmap laid over it, in the picture's size.",
        "Of several classes each has a file: out.png becomes out-class242.png, or out-top1.png.",
      })
  private Path overlay;

  @Option(
      names = "--heatmap",
      paramLabel = "FILE",
      description =
          "Write the heatmap alone, in the size of the network's input; of a series a plot over its"
              + " channels, of a volume its slices side by side.")
  private Path heatmap;

  @Option(
      names = "--map",
      paramLabel = "FILE.npy",
      description = {
        "Write the map as float32 [H, W]; [L] of a series, [D, H, W] of a volume.",
        "[T, H, W] for several classes, [N, H, W] for a tensor of several inputs, [N, T, H, W] for"
            + " both.",
      })
  private Path map;

  @Option(
      names = "--channel-weights",
      paramLabel = "FILE.npy",
      description =
          "Write the channel weights as float32 [K]; [T, K], [N, K] or [N, T, K] likewise.")
  private Path weights;

  @Option(names = "--json", paramLabel = "FILE", description = "Write a report of all results.")
  private Path json;

  @Option(
      names = "--colormap",
      paramLabel = "NAME",
      defaultValue = "jet",
      description = "${COMPLETION-CANDIDATES}; default: ${DEFAULT-VALUE}.")
  private Colormap colormap;

  @Option(
      names = "--opacity",
      paramLabel = "0..1",
      converter = OpacityConverter.class,
      defaultValue = "0.5",
      description = "Opacity of the heatmap over the picture; default: ${DEFAULT-VALUE}.")
  private Double opacity;

  Path overlay() {
    return overlay;
  }

  Path heatmap() {
    return heatmap;
  }

  Path map() {
    return map;
  }

  Path weights() {
    return weights;
  }

  Path json() {
    return json;
  }

  Colormap colormap() {
    return colormap;
  }

  double opacity() {
    return opacity;
  }

  Overlay overlayStyle() {
    return new Overlay(colormap, opacity, Interpolation.BILINEAR);
  }

  /** The files that were asked for by the options that name them. */
  Map<String, Path> files() {
    Map<String, Path> files = new LinkedHashMap<>();
    files.put("--out", overlay);
    files.put("--heatmap", heatmap);
    files.put("--map", map);
    files.put("--channel-weights", weights);
    files.put("--json", json);
    files.values().removeIf(Objects::isNull);
    return files;
  }

  /** Finds out before a long computation that its results could not be written. */
  void requireWritable() {
    files().values().forEach(OutputOptions::requireFolder);
    Stream.of(overlay, heatmap).filter(Objects::nonNull).forEach(Picture::requireWritableName);
  }

  /** Finds out that a file could not be written for want of its folder. */
  static void requireFolder(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new OutputException("cannot write %s: there is no folder %s".formatted(file, folder));
    }
    if (!Files.isWritable(folder) || Files.isDirectory(file)) {
      throw new OutputException(
          "cannot write %s: %s"
              .formatted(file, Files.isDirectory(file) ? "it is a folder" : "permission denied"));
    }
  }

  private static final class OpacityConverter implements ITypeConverter<Double> {
    @Override
    public Double convert(String text) {
      try {
        double opacity = Double.parseDouble(text);
        if (opacity >= 0 && opacity <= 1) {
          return opacity;
        }
      } catch (NumberFormatException e) {
        // Falls through to the one message for both.
      }
      throw new TypeConversionException("'%s' is not a number from 0 to 1".formatted(text));
    }
  }
}
