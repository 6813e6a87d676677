package org.scorecam;

import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.mask.Masks;
import org.scorecam.model.ModelOutput;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.scoring.MaskedInputs;
import org.scorecam.tensor.Tensors;

/**
 * The channels of one image at one target layer, from activation maps to saliency map: which are
 * selected, their masked inputs, the scores of these, the channel weights, and the map.
 *
 * <p>Masked inputs are numbered from 0 to {@link #passes()}, so that a chunk can hold a range of
 * them beside those of other images; a {@link PassPlan} says whose they are.
 */
final class ChannelScoring implements MaskedInputs, AutoCloseable {
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
  private final int samples;

  /**
   * Selects channels and plans their passes. Needs an open scope, in which alone the new object can
   * be used.
   *
   * @param layer the target layer's path
   * @param activations its maps, float32 [K, h, w]; must stay open
   * @param image [C, H, W] on the same device; must stay open
   * @param target resolved for this image
   * @param referenceScore of the unmasked image
   */
  ChannelScoring(
      Configuration configuration,
      String layer,
      Tensor activations,
      Tensor image,
      Target target,
      float referenceScore) {
    this.layer = layer;
    this.recipe = configuration.recipe();
    this.target = target;
    this.referenceScore = referenceScore;
    this.activations = activations;
    this.height = image.size(1);
    this.width = image.size(2);
    this.samples = configuration.sampling().samples();
    long[] selected = configuration.channels().select(activations);
    this.masks = configuration.masker().prepare(mapsOf(selected), image, recipe.masks());
    try (NativeScope scope = NativeScope.open()) {
      this.passPlan =
          new PassPlan(
              (int) activations.size(0), selected, masks.facts(), recipe.constantChannels());
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

  @Override
  public int passes() {
    return passPlan.passes();
  }

  @Override
  public void write(int firstPass, int count, Tensor rows) {
    masks.write(passPlan.places(firstPass, count), rows);
  }

  @Override
  public Tensor scoresOf(ModelOutput output, int firstRow, int count) {
    return target.scores(recipe.scored(target.partOf(output).narrow(0, firstRow, count)));
  }

  @Override
  public void keep(int firstPass, Tensor scores) {
    passScores.narrow(0, firstPass, scores.size(0)).copy_(scores);
  }

  /** That of the maps which the scores make, or, where these are blank, of the scores. */
  @Override
  public OptionalDouble correlation(float[] exact, float[] other) {
    try (NativeScope scope = NativeScope.open()) {
      float[] exactMap = Tensors.toArray(mapOf(exact));
      if (!isConstant(exactMap)) {
        return OptionalDouble.of(
            MapAgreement.of(exactMap, Tensors.toArray(mapOf(other))).correlation());
      }
      int[] counted =
          IntStream.range(0, exact.length).filter(i -> !Float.isNaN(exact[i])).toArray();
      float[] exactScores = valuesAt(counted, exact);
      return isConstant(exactScores)
          ? OptionalDouble.empty()
          : OptionalDouble.of(MapAgreement.of(exactScores, valuesAt(counted, other)).correlation());
    }
  }

  private static float[] valuesAt(int[] places, float[] values) {
    float[] chosen = new float[places.length];
    for (int i = 0; i < places.length; i++) {
      chosen[i] = values[places[i]];
    }
    return chosen;
  }

  private static boolean isConstant(float[] values) {
    for (float value : values) {
      if (value != values[0]) {
        return false;
      }
    }
    return true;
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
          passPlan.statusOf(scores, blank).withSamples(samples),
          plan);
    }
  }

  /**
   * The map [H, W] that some scores make; needs an open scope.
   *
   * @param scoreOfPass a score for each pass; NaN leaves a pass out
   */
  private Tensor mapOf(float[] scoreOfPass) {
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
