package org.scorecam.image;

import java.util.Arrays;

/**
 * Separable resampling, along the rows first and then along the columns.
 *
 * <p>Bytes are resampled in fixed point and rounded to bytes between the two passes, as PIL does:
 * networks were trained on pictures resized so, and the results agree to the last bit.
 */
final class Resampling {
  /** Fraction bits of a weight: 8 bits of sample and 2 bits for cubic overshoot stay free. */
  private static final int FRACTION_BITS = 22;

  private static final int HALF = 1 << (FRACTION_BITS - 1);

  private Resampling() {}

  /** Resizes interleaved 8-bit samples. */
  static byte[] resize(
      byte[] samples,
      int width,
      int height,
      int channels,
      int newWidth,
      int newHeight,
      Interpolation interpolation) {
    byte[] rows =
        newWidth == width
            ? samples
            : alongRows(samples, width, height, channels, Taps.of(width, newWidth, interpolation));
    return newHeight == height
        ? rows
        : alongColumns(rows, newWidth * channels, Taps.of(height, newHeight, interpolation));
  }

  private static byte[] alongRows(byte[] in, int width, int height, int channels, Taps taps) {
    int[] weights = fixedPoint(taps);
    int outputs = taps.first.length;
    byte[] out = new byte[Math.multiplyExact(Math.multiplyExact(outputs, height), channels)];
    for (int y = 0; y < height; y++) {
      int row = y * width * channels;
      for (int x = 0; x < outputs; x++) {
        for (int c = 0; c < channels; c++) {
          int sum = HALF;
          int at = row + taps.first[x] * channels + c;
          int weight = x * taps.stride;
          for (int j = 0; j < taps.count[x]; j++) {
            sum += (in[at + j * channels] & 0xff) * weights[weight + j];
          }
          out[(y * outputs + x) * channels + c] = toByte(sum);
        }
      }
    }
    return out;
  }

  private static byte[] alongColumns(byte[] in, int rowLength, Taps taps) {
    int[] weights = fixedPoint(taps);
    int outputs = taps.first.length;
    byte[] out = new byte[Math.multiplyExact(outputs, rowLength)];
    int[] sums = new int[rowLength];
    for (int y = 0; y < outputs; y++) {
      Arrays.fill(sums, HALF);
      for (int j = 0; j < taps.count[y]; j++) {
        int weight = weights[y * taps.stride + j];
        int row = (taps.first[y] + j) * rowLength;
        for (int i = 0; i < rowLength; i++) {
          sums[i] += (in[row + i] & 0xff) * weight;
        }
      }
      for (int i = 0; i < rowLength; i++) {
        out[y * rowLength + i] = toByte(sums[i]);
      }
    }
    return out;
  }

  private static int[] fixedPoint(Taps taps) {
    int[] fixed = new int[taps.weights.length];
    for (int i = 0; i < fixed.length; i++) {
      double scaled = taps.weights[i] * (1 << FRACTION_BITS);
      // Halves away from zero, which Math.round does not do below zero.
      fixed[i] = (int) (scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    }
    return fixed;
  }

  private static byte toByte(int sum) {
    return (byte) Math.max(0, Math.min(255, sum >> FRACTION_BITS));
  }

  /** Resamples one channel of floats by the taps of its rows and of its columns. */
  static float[] resample(float[] in, int width, int height, Taps ofRows, Taps ofColumns) {
    int newWidth = ofRows.first.length;
    int newHeight = ofColumns.first.length;
    float[] rows = new float[Math.multiplyExact(newWidth, height)];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < newWidth; x++) {
        double sum = 0;
        for (int j = 0; j < ofRows.count[x]; j++) {
          sum += in[y * width + ofRows.first[x] + j] * ofRows.weights[x * ofRows.stride + j];
        }
        rows[y * newWidth + x] = (float) sum;
      }
    }
    float[] out = new float[Math.multiplyExact(newWidth, newHeight)];
    for (int y = 0; y < newHeight; y++) {
      int target = y * newWidth;
      for (int j = 0; j < ofColumns.count[y]; j++) {
        float weight = (float) ofColumns.weights[y * ofColumns.stride + j];
        int source = (ofColumns.first[y] + j) * newWidth;
        for (int x = 0; x < newWidth; x++) {
          out[target + x] += weight * rows[source + x];
        }
      }
    }
    return out;
  }
}
