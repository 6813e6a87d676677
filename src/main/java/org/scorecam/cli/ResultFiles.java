package org.scorecam.cli;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Saliency;
import org.scorecam.file.AtomicFile;
import org.scorecam.image.Heatmap;
import org.scorecam.image.Interpolation;
import org.scorecam.image.Picture;
import org.scorecam.image.Region;
import org.scorecam.image.SeriesPlot;
import org.scorecam.image.SliceSheet;
import org.scorecam.tensor.NpyFile;
import org.scorecam.tensor.Tensors;

/**
 * Writes the files that were asked for, each whole or not at all, and notes which were written;
 * what was not asked for is left out.
 */
final class ResultFiles {
  private final OutputOptions options;
  private final OutputNames names;
  private final int inputs;

  /** What the names of the pictures of each target end with. */
  private final List<String> targets;

  /** Whether one array holds the results of all inputs. */
  private final boolean sharedArrays;

  private ResultFiles(
      OutputOptions options,
      OutputNames names,
      int inputs,
      List<String> targets,
      boolean sharedArrays) {
    this.options = options;
    this.names = names;
    this.inputs = inputs;
    this.targets = targets;
    this.sharedArrays = sharedArrays;
  }

  /**
   * Of pictures: files of their own for each.
   *
   * @param targets what the names of each target's pictures end with
   */
  static ResultFiles ofPictures(
      OutputOptions options, List<Path> pictures, boolean one, List<String> targets) {
    OutputNames names = one ? OutputNames.ofOne() : OutputNames.of(pictures);
    return new ResultFiles(options, names, pictures.size(), targets, false);
  }

  /** Of the inputs in a tensor: pictures for each, and arrays for all together. */
  static ResultFiles ofTensor(OutputOptions options, int inputs, List<String> targets) {
    OutputNames names = inputs == 1 ? OutputNames.ofOne() : OutputNames.ofNumbered(inputs);
    return new ResultFiles(options, names, inputs, targets, true);
  }

  /**
   * Looks for files that would be written over: by two results, or an input by a result.
   *
   * @param read the files that are read
   * @return what is wrong, if anything is
   */
  Optional<String> findConflict(List<Path> read) {
    Map<Path, String> uses = new HashMap<>();
    read.forEach(file -> uses.put(keyOf(file), "is an input"));
    for (Map.Entry<String, Path> asked : options.files().entrySet()) {
      String option = asked.getKey();
      for (Path file : filesOf(option, asked.getValue())) {
        String other = uses.put(keyOf(file), option + " writes as well");
        if (other != null) {
          return Optional.of("%s would overwrite %s, which %s".formatted(option, file, other));
        }
      }
    }
    return Optional.empty();
  }

  /** The files that an option asks for. */
  private List<Path> filesOf(String option, Path asked) {
    boolean array = option.equals("--map") || option.equals("--channel-weights");
    if (option.equals("--json") || (array && sharedArrays)) {
      return List.of(asked);
    }
    List<String> results = array ? List.of("") : targets;
    return IntStream.range(0, inputs)
        .boxed()
        .flatMap(input -> results.stream().map(result -> names.of(asked, input, result)))
        .toList();
  }

  private static Path keyOf(Path file) {
    return file.toAbsolutePath().normalize();
  }

  void writeOverlay(
      int input, int target, Heatmap heatmap, Picture picture, Region seen, List<Path> written) {
    if (options.overlay() != null) {
      Path file = names.of(options.overlay(), input, targets.get(target));
      options.overlayStyle().draw(heatmap, picture, seen).write(file);
      written.add(file);
    }
  }

  void writeHeatmap(int input, int target, Heatmap heatmap, Size size, List<Path> written) {
    if (options.heatmap() != null) {
      Path file = names.of(options.heatmap(), input, targets.get(target));
      heatmap
          .resize(size.width(), size.height(), Interpolation.BILINEAR)
          .toPicture(options.colormap())
          .write(file);
      written.add(file);
    }
  }

  /**
   * The heatmap of an input that is no picture's file.
   *
   * @param shown the input [C, H, W], [C, L] or [C, D, H, W]
   */
  void writeHeatmap(int input, int target, Saliency saliency, Tensor shown, List<Path> written) {
    if (options.heatmap() == null) {
      return;
    }
    if (shown.dim() == 3) {
      Size size = new Size((int) shown.size(2), (int) shown.size(1));
      writeHeatmap(input, target, Heatmap.of(saliency.toArray()), size, written);
      return;
    }
    Path file = names.of(options.heatmap(), input, targets.get(target));
    drawing(saliency, shown).write(file);
    written.add(file);
  }

  /** A plot of a series, or the slices of a volume's map. */
  private Picture drawing(Saliency saliency, Tensor shown) {
    int width = Math.toIntExact(saliency.width());
    if (shown.dim() == 2) {
      Heatmap heatmap = Heatmap.of(saliency.values(), width, 1);
      try (Tensor series = shown.contiguous()) {
        return SeriesPlot.of(Tensors.toRows(series), heatmap, options.colormap());
      }
    }
    int slices = Math.toIntExact(saliency.shape()[0]);
    int rows = Math.toIntExact(Math.multiplyExact(slices, saliency.height()));
    Heatmap heatmap = Heatmap.of(saliency.values(), width, rows);
    return SliceSheet.of(heatmap, slices, options.colormap());
  }

  /** H×W, with the targets and the inputs before it where there are several: N×T×H×W. */
  void writeMaps(int input, List<Saliency> saliencies, List<Path> written) {
    if (options.map() != null) {
      List<float[]> maps = saliencies.stream().map(Saliency::values).toList();
      Saliency first = saliencies.get(0);
      writeArrays(nameOf(options.map(), input), maps, written, first.shape());
    }
  }

  /** K, with the targets and the inputs before it where there are several: N×T×K. */
  void writeWeights(int input, List<Saliency> saliencies, List<Path> written) {
    if (options.weights() != null) {
      List<float[]> weights = saliencies.stream().map(Saliency::weights).toList();
      writeArrays(nameOf(options.weights(), input), weights, written, weights.get(0).length);
    }
  }

  private Path nameOf(Path file, int input) {
    return sharedArrays ? file : names.of(file, input);
  }

  private void writeArrays(Path file, List<float[]> arrays, List<Path> written, long... shape) {
    int length = arrays.get(0).length;
    float[] values = new float[Math.multiplyExact(arrays.size(), length)];
    for (int i = 0; i < arrays.size(); i++) {
      System.arraycopy(arrays.get(i), 0, values, i * length, length);
    }
    LongStream several =
        LongStream.of(arrays.size() / targets.size(), targets.size()).filter(count -> count > 1);
    long[] whole = LongStream.concat(several, LongStream.of(shape)).toArray();
    AtomicFile.write(file, out -> NpyFile.write(out, values, whole));
    written.add(file);
  }
}
