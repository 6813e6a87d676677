package org.scorecam.image;

/**
 * The source samples, and their weights, that make each output sample of a resampled line.
 *
 * <p>Sample i of either line covers [i, i + 1). The weights of an output sample sum to 1 over the
 * source samples that exist, so that borders neither darken nor need padding.
 */
final class Taps {
  /** First source sample of each output sample. */
  final int[] first;

  /** How many source samples each output sample has. */
  final int[] count;

  /** The weights, those of output sample i from i · stride. */
  final double[] weights;

  final int stride;

  private Taps(int outputs, int stride) {
    this.first = new int[outputs];
    this.count = new int[outputs];
    this.weights = new double[Math.multiplyExact(outputs, stride)];
    this.stride = stride;
  }

  /** Taps that resample a whole line. */
  static Taps of(int inputs, int outputs, Interpolation interpolation) {
    return of(inputs, 0, inputs, outputs, interpolation);
  }

  /**
   * Taps that spread the part [from, to) of a line over the outputs.
   *
   * @param inputs samples of the source line; the part may reach beyond them by less than a kernel
   */
  static Taps of(int inputs, double from, double to, int outputs, Interpolation interpolation) {
    double scale = (to - from) / outputs;
    double stretch = Math.max(scale, 1);
    double support = interpolation.support * stretch;
    Taps taps = new Taps(outputs, (int) Math.ceil(support) * 2 + 1);
    for (int i = 0; i < outputs; i++) {
      double centre = from + (i + 0.5) * scale;
      int first = Math.max(0, (int) (centre - support + 0.5));
      int end = Math.min(inputs, (int) (centre + support + 0.5));
      taps.first[i] = first;
      taps.count[i] = end - first;
      double sum = 0;
      for (int j = 0; j < end - first; j++) {
        double weight = interpolation.weight((first + j - centre + 0.5) / stretch);
        taps.weights[i * taps.stride + j] = weight;
        sum += weight;
      }
      for (int j = 0; j < end - first; j++) {
        taps.weights[i * taps.stride + j] /= sum;
      }
    }
    return taps;
  }
}
