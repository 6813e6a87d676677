package org.scorecam;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.mask.MaskSampling;
import org.scorecam.model.ModelOutput;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.MaskedInputs;

/**
 * The samples of one image's masked inputs, in place of these: those of the first, then those of
 * the second, and so on. The mean of a masked input's scores is kept as its score.
 */
final class SampledInputs implements MaskedInputs, AutoCloseable {
  private final MaskedInputs masked;
  private final int samples;
  private final MaskSampling.Samples changes;

  /** How many scores each masked input still lacks. */
  private final int[] missing;

  /** The sum of those it has, [masked inputs, targets]; null before the first. */
  private Tensor sums;

  /**
   * Prepares the samples.
   *
   * @param masked what is sampled; stays the caller's
   * @param image [C, H, W]; must stay open
   */
  SampledInputs(MaskedInputs masked, MaskSampling sampling, Tensor image) {
    this.masked = masked;
    this.samples = sampling.samples();
    this.missing = new int[masked.passes()];
    Arrays.fill(missing, samples);
    this.changes = sampling.of(image);
  }

  @Override
  public int passes() {
    return Math.multiplyExact(masked.passes(), samples);
  }

  @Override
  public float blankPart(int pass) {
    return masked.blankPart(pass / samples);
  }

  @Override
  public void write(int firstPass, int count, Tensor rows) {
    for (int row = 0; row < count; ) {
      int pass = firstPass + row;
      int ofTheSame = Math.min(count - row, samples - pass % samples);
      Tensor first = rows.narrow(0, row, 1);
      masked.write(pass / samples, 1, first);
      if (ofTheSame > 1) {
        rows.narrow(0, row + 1L, ofTheSame - 1L).copy_(first);
      }
      for (int i = 0; i < ofTheSame; i++) {
        changes.apply((pass + i) % samples, rows.select(0, row + i));
      }
      row += ofTheSame;
    }
  }

  @Override
  public Tensor scoresOf(ModelOutput output, int firstRow, int count) {
    return masked.scoresOf(output, firstRow, count);
  }

  @Override
  public void keep(int firstPass, Tensor scores) {
    if (sums == null) {
      long[] shape = scores.shape();
      shape[0] = missing.length;
      try (NativeScope scope = NativeScope.open()) {
        sums = scope.keep(torch.empty(shape, scores.options(), null).zero_());
      }
    }
    int count = (int) scores.size(0);
    for (int i = 0; i < count; ) {
      int of = (firstPass + i) / samples;
      int ofTheSame = Math.min(count - i, samples - (firstPass + i) % samples);
      Tensor sum = sums.narrow(0, of, 1);
      sum.add_(scores.narrow(0, i, ofTheSame).sum(new long[] {0}, true, null));
      missing[of] -= ofTheSame;
      if (missing[of] == 0) {
        masked.keep(of, sum.div(new Scalar((double) samples)));
      }
      i += ofTheSame;
    }
  }

  /** That of the means of the scores that count. */
  @Override
  public OptionalDouble correlation(float[][] exact, float[][] other) {
    return masked.correlation(means(exact), means(other));
  }

  private float[][] means(float[][] scores) {
    float[][] means = new float[missing.length][];
    for (int of = 0; of < means.length; of++) {
      List<float[]> counted =
          Arrays.stream(scores, of * samples, (of + 1) * samples).filter(Objects::nonNull).toList();
      if (!counted.isEmpty()) {
        means[of] = new float[counted.get(0).length];
        for (int t = 0; t < means[of].length; t++) {
          int target = t;
          means[of][t] =
              (float) counted.stream().mapToDouble(each -> each[target]).average().orElseThrow();
        }
      }
    }
    return means;
  }

  @Override
  public void close() {
    changes.close();
    if (sums != null) {
      sums.close();
    }
  }
}
