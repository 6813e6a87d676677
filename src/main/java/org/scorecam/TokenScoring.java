package org.scorecam;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.model.InputShape;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.tensor.Tensors;

/**
 * Parts of one image's tokens, in place of masked inputs: each is scored by the network from the
 * layer on that puts the tokens out. See {@link TransformerInputSampling}.
 */
final class TokenScoring extends TargetScores {
  private final Tensor leading; // [1, P, K]
  private final Tensor tokens; // [h·w, K]
  private final Tensor chosen; // int64 [masks, kept], ascending

  /**
   * Plans the passes. Needs an open scope.
   *
   * @param layer that puts out the tokens
   * @param embedded what it put out, float32 [1, P + h·w, K]; must stay open
   * @param leading P
   * @param masks float32 [masks, h·w]; the tokens where one is largest are kept
   * @param kept how many
   * @param maps finishes the map of the tokens
   * @param targets resolved for the image
   */
  TokenScoring(
      String layer,
      Tensor embedded,
      long leading,
      Tensor masks,
      long kept,
      MapMaker maps,
      List<ResolvedTarget> targets) {
    super(layer, maps, targets, Math.toIntExact(masks.size(0)));
    this.leading = embedded.narrow(1, 0, leading);
    this.tokens = embedded.select(0, 0).narrow(0, leading, masks.size(1));
    this.chosen = masks.topk(kept).get1().sort().get0();
  }

  @Override
  InputShape shape() {
    return InputShape.of(leading.size(1) + chosen.size(1), tokens.size(1));
  }

  @Override
  public void write(int firstPass, int count, Tensor rows) {
    Tensor first = rows.narrow(1, 0, leading.size(1));
    first.copy_(leading.expand_as(first));
    Tensor rest = rows.narrow(1, leading.size(1), chosen.size(1));
    Tensor which = chosen.narrow(0, firstPass, count).flatten();
    rest.copy_(tokens.index_select(0, which).view_as(rest));
  }

  /** Σ score·mask / Σ mask, over the masks whose score is finite. */
  @Override
  Saliency toSaliency(ResolvedTarget target, float[] scores, ChunkPlan plan) {
    float[] places = Tensors.toArray(chosen.to(ScalarType.Float));
    int kept = (int) chosen.size(1);
    double[] sums = new double[(int) tokens.size(0)];
    int[] times = new int[sums.length];
    for (int i = 0; i < places.length; i++) {
      float score = scores[i / kept];
      if (Float.isFinite(score)) {
        sums[(int) places[i]] += score;
        times[(int) places[i]]++;
      }
    }
    float[] values = new float[sums.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (sums[i] / times[i]); // NaN of a token that no mask kept
    }
    return ofPlaces(target, values, scores, plan);
  }
}
