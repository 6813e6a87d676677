package org.scorecam;

import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.tensor.Tensors;

/**
 * Makes saliency maps of one image at one layer: scores become channel weights, and these the
 * weighted sum of the activation maps.
 *
 * @param recipe how
 * @param activations the layer's maps, float32 [K, h, w] or of another rank; must stay open
 * @param image [C, H, W] of the same rank; must stay open
 */
record MapMaker(Recipe recipe, Tensor activations, Tensor image) {
  /** For each channel its weight, 0 where it has no finite score. */
  float[] weights(float[] scores) {
    double[] weights = recipe.weighting().weights(scores);
    float[] rounded = new float[weights.length];
    for (int k = 0; k < weights.length; k++) {
      rounded[k] = (float) weights[k];
    }
    return rounded;
  }

  /** The layer's own map [1, 1, H, W], from which several are fused; needs an open scope. */
  Tensor layerMap(float[] weights) {
    return finished(weightedSum(weights));
  }

  /** The same of float32 [K] on the maps' device, where every map is finite. */
  Tensor layerMap(Tensor weights) {
    return finished(sumOf(activations.flatten(1, -1), weights));
  }

  /** The same of a map [1, 1, h, w] that was made otherwise; needs an open scope. */
  Tensor finished(Tensor sum) {
    return recipe.finish().layerMap(sum, recipe.masks().upsampling(), Tensors.extentsOf(image));
  }

  /** A value for each of the maps' places as [1, 1, h, w]; needs an open scope. */
  Tensor asOneMap(Tensor values) {
    return values.view_as(activations.select(0, 0)).unsqueeze(0).unsqueeze(0);
  }

  /** The final map [H, W] where there is no other layer; needs an open scope. */
  Tensor map(Tensor layerMap) {
    return recipe.finish().fuse(List.of(layerMap)).squeeze(0).squeeze(0).contiguous();
  }

  /** The final map [H, W] of a score for each channel; needs an open scope. */
  Tensor mapOfScores(float[] scores) {
    return map(layerMap(weights(scores)));
  }

  /**
   * Σ wₖ·Aₖ as [1, 1, h, w], without the channels whose weight is 0 in float32: a finite map would
   * add nothing, and one that was left out for its NaNs must not come back as 0 · NaN.
   */
  private Tensor weightedSum(float[] weights) {
    long[] counted =
        IntStream.range(0, weights.length).filter(k -> weights[k] != 0).asLongStream().toArray();
    float[] factors = new float[counted.length];
    for (int i = 0; i < counted.length; i++) {
      factors[i] = weights[(int) counted[i]];
    }
    Tensor maps = activations.flatten(1, -1);
    if (counted.length < weights.length) {
      maps = maps.index_select(0, Tensors.indices(counted, activations.device()));
    }
    return sumOf(maps, Tensors.onDevice(Tensor.create(factors), activations.device()));
  }

  /** Σ wₖ·Aₖ of maps [K, places] and weights [K], as [1, 1, h, w]. */
  private Tensor sumOf(Tensor maps, Tensor weights) {
    // A matrix product with a vector, which stays in float32 where those of matrices are allowed
    // less, and needs no products of the maps' size.
    return asOneMap(maps.t().mv(weights));
  }
}
