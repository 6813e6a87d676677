package org.scorecam.cli;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.scorecam.Saliency;
import org.scorecam.file.AtomicFile;
import org.scorecam.image.Heatmap;
import org.scorecam.image.Interpolation;
import org.scorecam.image.Picture;
import org.scorecam.image.Region;
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

  /** Whether one array holds the results of all inputs. */
  private final boolean sharedArrays;

  private ResultFiles(OutputOptions options, OutputNames names, int inputs, boolean sharedArrays) {
    this.options = options;
    this.names = names;
    this.inputs = inputs;
    this.sharedArrays = sharedArrays;
  }

  /** Of pictures: files of their own for each. */
  static ResultFiles ofPictures(OutputOptions options, List<Path> pictures, boolean one) {
    OutputNames names = one ? OutputNames.ofOne() : OutputNames.of(pictures);
    return new ResultFiles(options, names, pictures.size(), false);
  }

  /** Of the inputs in a tensor: pictures for each, and arrays for all together. */
  static ResultFiles ofTensor(OutputOptions options, int inputs) {
    OutputNames names = inputs == 1 ? OutputNames.ofOne() : OutputNames.ofNumbered(inputs);
    return new ResultFiles(options, names, inputs, true);
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
      int count = isShared(option) ? 1 : inputs;
      for (int i = 0; i < count; i++) {
        Path file = isShared(option) ? asked.getValue() : names.of(asked.getValue(), i);
        String other = uses.put(keyOf(file), option + " writes as well");
        if (other != null) {
          return Optional.of("%s would overwrite %s, which %s".formatted(option, file, other));
        }
      }
    }
    return Optional.empty();
  }

  private boolean isShared(String option) {
    return switch (option) {
      case "--json" -> true;
      case "--map", "--channel-weights" -> sharedArrays;
      default -> false;
    };
  }

  private static Path keyOf(Path file) {
    return file.toAbsolutePath().normalize();
  }

  void writeOverlay(int input, Heatmap heatmap, Picture picture, Region seen, List<Path> written) {
    if (options.overlay() != null) {
      Path file = names.of(options.overlay(), input);
      options.overlayStyle().draw(heatmap, picture, seen).write(file);
      written.add(file);
    }
  }

  void writeHeatmap(int input, Heatmap heatmap, Size size, List<Path> written) {
    if (options.heatmap() != null) {
      Path file = names.of(options.heatmap(), input);
      heatmap
          .resize(size.width(), size.height(), Interpolation.BILINEAR)
          .toPicture(options.colormap())
          .write(file);
      written.add(file);
    }
  }

  /** H×W for one map, N×H×W for several. */
  void writeMaps(int input, List<Saliency> saliencies, List<Path> written) {
    if (options.map() != null) {
      List<float[]> maps = saliencies.stream().map(s -> Tensors.toArray(s.tensor())).toList();
      Saliency first = saliencies.get(0);
      writeArrays(nameOf(options.map(), input), maps, written, first.height(), first.width());
    }
  }

  /** K for one map, N×K for several. */
  void writeWeights(int input, List<Saliency> saliencies, List<Path> written) {
    if (options.weights() != null) {
      List<float[]> weights = saliencies.stream().map(Saliency::weights).toList();
      writeArrays(nameOf(options.weights(), input), weights, written, weights.get(0).length);
    }
  }

  private Path nameOf(Path file, int input) {
    return sharedArrays ? file : names.of(file, input);
  }

  private static void writeArrays(
      Path file, List<float[]> arrays, List<Path> written, long... shape) {
    int length = arrays.get(0).length;
    float[] values = new float[Math.multiplyExact(arrays.size(), length)];
    for (int i = 0; i < arrays.size(); i++) {
      System.arraycopy(arrays.get(i), 0, values, i * length, length);
    }
    long[] batched = new long[shape.length + 1];
    batched[0] = arrays.size();
    System.arraycopy(shape, 0, batched, 1, shape.length);
    long[] whole = arrays.size() == 1 ? shape : batched;
    AtomicFile.write(file, out -> NpyFile.write(out, values, whole));
    written.add(file);
  }
}
