package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.scorecam.mask.MaskSampling;
import org.scorecam.model.ModelOutput;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.MaskedInputs;
import org.scorecam.tensor.Tensors;

/** How the scores of samples become those of masked inputs. */
class SampledInputsTest {
  private static final int SAMPLES = 3;

  /** Two masked inputs, which remember their scores. */
  private static final class TwoMasks implements MaskedInputs {
    private final Map<Integer, List<Float>> kept = new HashMap<>();

    @Override
    public int passes() {
      return 2;
    }

    @Override
    public void write(int firstPass, int count, Tensor rows) {
      rows.zero_();
    }

    @Override
    public Tensor scoresOf(ModelOutput output, int firstRow, int count) {
      return output.tensor();
    }

    @Override
    public void keep(int firstPass, Tensor scores) {
      assertArrayEquals(new long[] {1, 2}, scores.shape());
      float[] values = Tensors.toArray(scores);
      kept.put(firstPass, List.of(values[0], values[1]));
    }

    @Override
    public OptionalDouble correlation(float[][] exact, float[][] other) {
      return OptionalDouble.empty();
    }
  }

  /** For two targets, as many as there are numbers. */
  private static Tensor scores(float... each) {
    return Tensors.of(each, each.length / 2, 2);
  }

  @Test
  void samplesThatAreScoredAgainCountOnce() {
    TwoMasks masks = new TwoMasks();
    try (NativeScope scope = NativeScope.open();
        SampledInputs sampled =
            new SampledInputs(masks, MaskSampling.scaled(SAMPLES), torch.ones(3, 4, 4))) {
      assertEquals(2 * SAMPLES, sampled.passes());
      sampled.keep(1, scores(2, 20, 3, 30));
      assertEquals(Map.of(), masks.kept);
      // As after memory ran out between the reading of two parts of a chunk.
      sampled.keep(1, scores(2, 20, 3, 30));
      assertEquals(Map.of(), masks.kept);
      sampled.keep(4, scores(5, 50, 6, 60));
      sampled.keep(0, scores(1, 10));
      assertEquals(Map.of(0, List.of(2f, 20f)), masks.kept);
      sampled.keep(0, scores(1, 10, 2, 20, 3, 30, 4, 40));
      assertEquals(Map.of(0, List.of(2f, 20f), 1, List.of(5f, 50f)), masks.kept);
    }
  }
}
