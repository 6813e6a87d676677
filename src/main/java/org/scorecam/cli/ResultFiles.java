package org.scorecam.cli;

import java.nio.file.Path;
import java.util.List;
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
  /** The input's number where one file holds the results of all inputs. */
  static final int SHARED = -1;

  private final OutputOptions options;
  private final OutputNames names;

  ResultFiles(OutputOptions options, List<String> inputs) {
    this.options = options;
    this.names = new OutputNames(inputs);
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
    return input == SHARED ? file : names.of(file, input);
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
