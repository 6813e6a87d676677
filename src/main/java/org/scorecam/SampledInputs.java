package org.scorecam;

import java.util.Arrays;
import java.util.BitSet;
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

  /** The samples that have scores. */
  private final BitSet scored = new BitSet();

  /** Theirs, [samples of all masked inputs, targets]; null before the first. */
  private Tensor scores;

  /**
   * Prepares the samples.
   *
   * @param masked what is sampled; stays the caller's
   * @param image [C, H, W]; must stay open
   */
  SampledInputs(MaskedInputs masked, MaskSampling sampling, Tensor image) {
    this.masked = masked;
    this.samples = sampling.samples();
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
  public void keep(int firstPass, Tensor found) {
    if (scores == null) {
      long[] shape = found.shape();
      shape[0] = passes();
      try (NativeScope scope = NativeScope.open()) {
        scores = scope.keep(torch.empty(shape, found.options(), null));
      }
    }
    // Not added up as they come: where memory runs out, passes are scored and kept again.
    int end = firstPass + (int) found.size(0);
    scores.narrow(0, firstPass, found.size(0)).copy_(found);
    scored.set(firstPass, end);
    for (int of = firstPass / samples; of * samples < end; of++) {
      int first = of * samples;
      if (scored.nextClearBit(first) >= first + samples) {
        Tensor sum = scores.narrow(0, first, samples).sum(new long[] {0}, true, null);
        masked.keep(of, sum.div(new Scalar((double) samples)));
      }
    }
  }

  /** That of the means of the scores that count. */
  @Override
  public OptionalDouble correlation(float[][] exact, float[][] other) {
    return masked.correlation(means(exact), means(other));
  }

  private float[][] means(float[][] each) {
    float[][] means = new float[masked.passes()][];
    for (int of = 0; of < means.length; of++) {
      List<float[]> counted =
          Arrays.stream(each, of * samples, (of + 1) * samples).filter(Objects::nonNull).toList();
      if (!counted.isEmpty()) {
        means[of] = new float[counted.get(0).length];
        for (int t = 0; t < means[of].length; t++) {
          int target = t;
          means[of][t] =
              (float)
                  counted.stream().mapToDouble(sample -> sample[target]).average().orElseThrow();
        }
      }
    }
    return means;
  }

  @Override
  public void close() {
    changes.close();
    if (scores != null) {
      scores.close();
    }
  }
}
