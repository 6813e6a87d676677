package org.scorecam.eval;

import java.util.Arrays;

/**
 * The linear imputation of ROAD: each missing pixel is the weighted mean of its neighbours, missing
 * or not. See {@link Metric#ROAD}.
 *
 * <p>For the missing pixels these are linear equations A·x = b with the matrix A = D − L − Lᵀ,
 * which is symmetric and, unless all pixels are missing, positive definite: D holds the sum of the
 * weights of the neighbours that exist, L the weights of missing neighbours that come before in the
 * order of rows. They are solved by conjugate gradients, preconditioned by symmetric successive
 * over-relaxation, for all channels at once.
 */
final class Imputation {
  private static final int NEIGHBOURS = 8;

  /** First those that come before, in the order of rows. */
  private static final int[] ROW = {-1, -1, -1, 0, 0, 1, 1, 1};

  private static final int[] COLUMN = {-1, 0, 1, -1, 1, -1, 0, 1};
  private static final double BESIDE = 1.0 / 6;
  private static final double DIAGONAL = 1.0 / 12;

  /** Near the best for holes of some ten to some hundred pixels. */
  private static final double OVER_RELAXATION = 1.8;

  /** Of the residual, as a part of b: far below what a float32 pixel shows. */
  private static final double TOLERANCE = 1e-9;

  private static final int MOST_ITERATIONS = 10_000;

  private final int channels;
  private final int missing;

  /** Pixel of each missing one. */
  private final int[] pixel;

  /**
   * For each missing one its eight neighbours' numbers; that after the last where none is missing.
   */
  private final int[] neighbours;

  private final double[] diagonal;
  private final double[] rightSide; // [missing + 1, channels], and so are all below
  private final boolean anyKept;

  /**
   * Fills the missing pixels.
   *
   * @param image [C, H, W], row-major; not changed
   * @param channels C
   * @param width W
   * @param kept [H, W], whether a pixel is not missing
   * @return a copy with values for the missing ones; 0 where all are missing
   */
  static float[] fill(float[] image, int channels, int width, boolean[] kept) {
    Imputation imputation = new Imputation(image, channels, width, kept);
    float[] filled = image.clone();
    double[] solution = imputation.solve();
    for (int i = 0; i < imputation.missing; i++) {
      for (int c = 0; c < channels; c++) {
        filled[c * kept.length + imputation.pixel[i]] = (float) solution[i * channels + c];
      }
    }
    return filled;
  }

  private Imputation(float[] image, int channels, int width, boolean[] kept) {
    this.channels = channels;
    int[] numbers = new int[kept.length];
    int count = 0;
    for (int p = 0; p < kept.length; p++) {
      numbers[p] = kept[p] ? -1 : count++;
    }
    this.missing = count;
    this.anyKept = count < kept.length;
    this.pixel = new int[count];
    this.neighbours = new int[count * NEIGHBOURS];
    this.diagonal = new double[count];
    this.rightSide = new double[(count + 1) * channels];
    Arrays.fill(neighbours, count);
    int height = kept.length / width;
    for (int p = 0; p < kept.length; p++) {
      int i = numbers[p];
      if (i < 0) {
        continue;
      }
      pixel[i] = p;
      for (int n = 0; n < NEIGHBOURS; n++) {
        int row = p / width + ROW[n];
        int column = p % width + COLUMN[n];
        if (row < 0 || row >= height || column < 0 || column >= width) {
          continue;
        }
        int q = row * width + column;
        diagonal[i] += weight(n);
        if (numbers[q] >= 0) {
          neighbours[i * NEIGHBOURS + n] = numbers[q];
        } else {
          for (int c = 0; c < channels; c++) {
            rightSide[i * channels + c] += weight(n) * image[c * kept.length + q];
          }
        }
      }
    }
  }

  private static double weight(int neighbour) {
    return ROW[neighbour] == 0 || COLUMN[neighbour] == 0 ? BESIDE : DIAGONAL;
  }

  private double[] solve() {
    double[] x = new double[rightSide.length];
    if (!anyKept || missing == 0) {
      return x;
    }
    double[] residual = rightSide.clone();
    double[] limit = dot(rightSide, rightSide);
    for (int c = 0; c < channels; c++) {
      limit[c] *= TOLERANCE * TOLERANCE;
    }
    double[] direction = new double[x.length];
    double[] z = new double[x.length];
    double[] product = new double[x.length];
    double[] previous = new double[channels];
    for (int iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
      if (isWithin(dot(residual, residual), limit)) {
        break;
      }
      precondition(residual, z);
      double[] now = dot(residual, z);
      for (int c = 0; c < channels; c++) {
        double beta = previous[c] == 0 ? 0 : now[c] / previous[c];
        for (int k = c; k < missing * channels; k += channels) {
          direction[k] = z[k] + beta * direction[k];
        }
      }
      multiply(direction, product);
      double[] curvature = dot(direction, product);
      for (int c = 0; c < channels; c++) {
        double alpha = curvature[c] == 0 ? 0 : now[c] / curvature[c];
        for (int k = c; k < missing * channels; k += channels) {
          x[k] += alpha * direction[k];
          residual[k] -= alpha * product[k];
        }
      }
      previous = now;
    }
    return x;
  }

  private static boolean isWithin(double[] squares, double[] limit) {
    for (int c = 0; c < squares.length; c++) {
      if (squares[c] > limit[c]) {
        return false;
      }
    }
    return true;
  }

  private double[] dot(double[] a, double[] b) {
    double[] sums = new double[channels];
    for (int c = 0; c < channels; c++) {
      double sum = 0;
      for (int k = c; k < missing * channels; k += channels) {
        sum += a[k] * b[k];
      }
      sums[c] = sum;
    }
    return sums;
  }

  /** product = A·v. */
  private void multiply(double[] v, double[] product) {
    for (int i = 0; i < missing; i++) {
      for (int c = 0; c < channels; c++) {
        product[i * channels + c] =
            diagonal[i] * v[i * channels + c] - before(i, c, v) - after(i, c, v);
      }
    }
  }

  /** z = M⁻¹·r with M = (D/ω − L)·(D/ω)⁻¹·(D/ω − Lᵀ), but for a factor. */
  private void precondition(double[] r, double[] z) {
    for (int i = 0; i < missing; i++) {
      for (int c = 0; c < channels; c++) {
        int k = i * channels + c;
        z[k] = (r[k] + before(i, c, z)) * OVER_RELAXATION / diagonal[i];
      }
    }
    for (int i = missing - 1; i >= 0; i--) {
      for (int c = 0; c < channels; c++) {
        z[i * channels + c] += after(i, c, z) * OVER_RELAXATION / diagonal[i];
      }
    }
  }

  /** Σ of weight · value of the missing neighbours before a pixel. */
  private double before(int i, int c, double[] v) {
    int n = i * NEIGHBOURS;
    return DIAGONAL * (value(n, c, v) + value(n + 2, c, v))
        + BESIDE * (value(n + 1, c, v) + value(n + 3, c, v));
  }

  /** The same of those after it. */
  private double after(int i, int c, double[] v) {
    int n = i * NEIGHBOURS;
    return BESIDE * (value(n + 4, c, v) + value(n + 6, c, v))
        + DIAGONAL * (value(n + 5, c, v) + value(n + 7, c, v));
  }

  private double value(int neighbour, int c, double[] v) {
    return v[neighbours[neighbour] * channels + c];
  }
}
