package org.scorecam;

import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.Masker;
import org.scorecam.mask.Masks;
import org.scorecam.model.ModelOutput;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * One image and one target layer on the way from activation maps to saliency map.
 *
 * <p>Its masked inputs are numbered from 0 to {@link #passes()}, so that a chunk can hold a range
 * of them beside those of other explanations; a {@link PassPlan} says whose they are.
 */
final class Explanation implements AutoCloseable {
  private final String layer;
  private final Recipe recipe;
  private final Target target;
  private final float referenceScore;
  private final Tensor activations; // [K, h, w]
  private final long height;
  private final long width;

  /** Of the selected channels' maps, by their place among the selected. */
  private final Masks masks;

  private final PassPlan passPlan;
  private final Tensor passScores; // [passes] on the device

  /**
   * Plans the passes. Needs an open scope, in which alone the new object can be used.
   *
   * @param layer the target layer's path
   * @param activations its maps, float32 [K, h, w]; must stay open
   * @param image [C, H, W] on the same device; must stay open
   * @param target resolved for this image
   * @param referenceScore of the unmasked image
   */
  Explanation(
      String layer,
      Tensor activations,
      Tensor image,
      Target target,
      float referenceScore,
      Recipe recipe,
      ChannelSelection selection,
      Masker masker) {
    this.layer = layer;
    this.recipe = recipe;
    this.target = target;
    this.referenceScore = referenceScore;
    this.activations = activations;
    this.height = image.size(1);
    this.width = image.size(2);
    long[] selected = selection.select(activations);
    this.masks = masker.prepare(mapsOf(selected), image, recipe.masks());
    this.passPlan =
        new PassPlan((int) activations.size(0), selected, masks.facts(), recipe.constantChannels());
    try (NativeScope scope = NativeScope.open()) {
      this.passScores = scope.keep(torch.empty(new long[] {passes()}, activations.options(), null));
    } catch (RuntimeException | Error e) {
      masks.close();
      throw e;
    }
  }

  private Tensor mapsOf(long[] selected) {
    return selected.length == activations.size(0)
        ? activations
        : activations.index_select(
            0, Tensor.create(selected).to(activations.device(), ScalarType.Long));
  }

  /** How many channels are selected: the passes, if no two shared one and none was left out. */
  long selectedChannels() {
    return passPlan.selectedChannels();
  }

  /** How many masked inputs are to be scored. */
  int passes() {
    return passPlan.passes();
  }

  /** Writes the masked inputs of some passes to [count, C, H, W]. */
  void writeMaskedInputs(int firstPass, int count, Tensor rows) {
    masks.write(passPlan.places(firstPass, count), rows);
  }

  /** Reads the scores of some passes from the network's output for a chunk. */
  void readScores(ModelOutput output, int firstPass, int count, int firstRow) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor scores = scoresOf(output, firstRow, count);
      passScores.narrow(0, firstPass, count).copy_(scores);
    }
  }

  /** The scores of some rows of the network's output for a chunk; needs an open scope. */
  Tensor scoresOf(ModelOutput output, int firstRow, int count) {
    return target.scores(recipe.scored(target.partOf(output).narrow(0, firstRow, count)));
  }

  /** Turns the scores into weights and sums the maps with them. */
  Saliency toSaliency(ChunkPlan plan) {
    Stage.Combine stage = new Stage.Combine(layer, activations.size(0), passes());
    float[] scores = passPlan.scores(Tensors.toArray(passScores));
    float[] weights = weightsOf(scores);
    try (NativeScope scope = NativeScope.open()) {
      Tensor layerMap = layerMap(weights);
      Tensor map = mapOf(layerMap);
      boolean blank = !map.any().item().toBool();
      stage.commit();
      return new Saliency(
          scope.keep(map),
          scope.keep(layerMap),
          layer,
          recipe,
          target,
          referenceScore,
          weights,
          scores,
          passPlan.statusOf(scores, blank),
          plan);
    }
  }

  /**
   * The map [H, W] that some scores make; needs an open scope.
   *
   * @param scoreOfPass a score for each pass; NaN leaves a pass out
   */
  Tensor mapOf(float[] scoreOfPass) {
    return mapOf(layerMap(weightsOf(passPlan.scores(scoreOfPass))));
  }

  /** For each channel its weight, 0 where it has no finite score. */
  private float[] weightsOf(float[] scores) {
    double[] weights = recipe.weighting().weights(scores);
    float[] rounded = new float[weights.length];
    for (int k = 0; k < weights.length; k++) {
      rounded[k] = (float) weights[k];
    }
    return rounded;
  }

  private Tensor layerMap(float[] weights) {
    return recipe
        .finish()
        .layerMap(weightedSum(weights), recipe.masks().upsampling(), height, width);
  }

  private Tensor mapOf(Tensor layerMap) {
    return recipe.finish().fuse(List.of(layerMap)).squeeze(0).squeeze(0).contiguous();
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
    Tensor maps = activations.flatten(1, 2);
    if (counted.length < weights.length) {
      maps = maps.index_select(0, Tensor.create(counted).to(activations.device(), ScalarType.Long));
    }
    Tensor onDevice = Tensor.create(factors).to(activations.device(), ScalarType.Float);
    // A matrix product with a vector, which stays in float32 where those of matrices are allowed
    // less, and needs no products of the maps' size.
    return maps.t().mv(onDevice).reshape(1, 1, activations.size(1), activations.size(2));
  }

  @Override
  public void close() {
    masks.close();
    passScores.close();
  }
}
