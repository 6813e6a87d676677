package org.scorecam;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.mask.ChannelFacts;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.Masker;
import org.scorecam.mask.Masks;
import org.scorecam.model.ModelOutput;
import org.scorecam.runtime.NativeScope;
import org.scorecam.runtime.TargetException;
import org.scorecam.tensor.Tensors;

/**
 * One image and one target layer on the way from activation maps to saliency map.
 *
 * <p>Its masked inputs are numbered from 0 to {@link #passes()}, so that a chunk can hold a range
 * of them beside those of other explanations. Channels with the same masked input share a pass.
 */
final class Explanation implements AutoCloseable {
  private static final int NOT_SCORED = -1;

  /** In place of a channel: the mask of all constant channels, which is 0 everywhere. */
  private static final long ZERO_MASK = -1;

  private final String layer;
  private final Recipe recipe;
  private final Target target;
  private final float referenceScore;
  private final Tensor activations; // [K, h, w]
  private final long height;
  private final long width;

  /** The selected channels, and for each the pass that scores it. */
  private final long[] selected;

  private final int[] passOf;

  /** Of the selected channels' maps, by their place among the selected. */
  private final Masks masks;

  private final ChannelFacts facts;

  /** For each pass the place of the channel whose mask is written. */
  private final long[] passPlaces;

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
    this.selected = selection.select(activations);
    this.masks = masker.prepare(selectedMaps(), image, recipe.masks());
    this.facts = masks.facts();
    this.passOf = new int[selected.length];
    this.passPlaces = planPasses();
    try (NativeScope scope = NativeScope.open()) {
      this.passScores = scope.keep(torch.empty(new long[] {passes()}, activations.options(), null));
    } catch (RuntimeException | Error e) {
      masks.close();
      throw e;
    }
  }

  private Tensor selectedMaps() {
    return selected.length == activations.size(0)
        ? activations
        : activations.index_select(
            0, Tensor.create(selected).to(activations.device(), ScalarType.Long));
  }

  private long[] planPasses() {
    List<Long> places = new ArrayList<>();
    Map<Long, Integer> passOfMask = new HashMap<>();
    boolean skipConstant = recipe.constantChannels() == Recipe.ConstantChannels.SKIPPED;
    for (int i = 0; i < selected.length; i++) {
      boolean constant = facts.isConstant(i);
      if (facts.isNonFinite(i) || (constant && skipConstant)) {
        passOf[i] = NOT_SCORED;
        continue;
      }
      long mask = constant ? ZERO_MASK : facts.firstEqual(i);
      Integer pass = passOfMask.putIfAbsent(mask, places.size());
      if (pass == null) {
        passOf[i] = places.size();
        places.add((long) i);
      } else {
        passOf[i] = pass;
      }
    }
    return places.stream().mapToLong(Long::longValue).toArray();
  }

  /** How many channels are selected: the passes, if no two shared one and none was left out. */
  long selectedChannels() {
    return selected.length;
  }

  /** How many masked inputs are to be scored. */
  int passes() {
    return passPlaces.length;
  }

  /** Writes the masked inputs of some passes to [count, C, H, W]. */
  void writeMaskedInputs(int firstPass, int count, Tensor rows) {
    masks.write(Arrays.copyOfRange(passPlaces, firstPass, firstPass + count), rows);
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
    return target.scores(scored(recipe, target.partOf(output).narrow(0, firstRow, count)));
  }

  /** Rows of the network's output as the recipe has the target see them; needs an open scope. */
  static Tensor scored(Recipe recipe, Tensor rows) {
    // A reduced precision ends where the network does.
    Tensor exact = rows.is_floating_point() ? rows.to(ScalarType.Float) : rows;
    if (recipe.score() == Recipe.Score.OUTPUT) {
      return exact;
    }
    if (rows.dim() < 2 || !rows.is_floating_point()) {
      throw new TargetException(
          "recipe %s scores probabilities of classes, which needs a floating-point output of shape"
                  .formatted(recipe.name())
              + " [N, classes, …]; the network's has the shape "
              + Tensors.shapeOf(rows));
    }
    return torch.softmax(exact, 1);
  }

  /** Turns the scores into weights and sums the maps with them. */
  Saliency toSaliency(ChunkPlan plan) {
    Stage.Combine stage = new Stage.Combine(layer, activations.size(0), passes());
    float[] selectedScores = selectedScores(Tensors.toArray(passScores));
    float[] weights = weightsOf(selectedScores);
    float[] scores = new float[weights.length];
    Arrays.fill(scores, Float.NaN);
    for (int i = 0; i < selected.length; i++) {
      scores[(int) selected[i]] = selectedScores[i];
    }
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
          statusOf(selectedScores, blank),
          plan);
    }
  }

  /**
   * The map [H, W] that some scores make; needs an open scope.
   *
   * @param scoreOfPass a score for each pass; NaN leaves a pass out
   */
  Tensor mapOf(float[] scoreOfPass) {
    return mapOf(layerMap(weightsOf(selectedScores(scoreOfPass))));
  }

  private float[] selectedScores(float[] scoreOfPass) {
    float[] scores = new float[selected.length];
    for (int i = 0; i < selected.length; i++) {
      scores[i] = passOf[i] == NOT_SCORED ? Float.NaN : scoreOfPass[passOf[i]];
    }
    return scores;
  }

  /** For each channel its weight, 0 where it was not selected. */
  private float[] weightsOf(float[] selectedScores) {
    double[] selectedWeights = recipe.weighting().weights(selectedScores);
    float[] weights = new float[(int) activations.size(0)];
    for (int i = 0; i < selected.length; i++) {
      weights[(int) selected[i]] = (float) selectedWeights[i];
    }
    return weights;
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

  private SaliencyStatus statusOf(float[] selectedScores, boolean blank) {
    long constant = LongStream.range(0, selected.length).filter(facts::isConstant).count();
    long nonFinite = LongStream.range(0, selected.length).filter(facts::isNonFinite).count();
    long scored = 0;
    long nonFiniteScores = 0;
    for (int i = 0; i < selected.length; i++) {
      if (passOf[i] != NOT_SCORED) {
        scored++;
        nonFiniteScores += Float.isFinite(selectedScores[i]) ? 0 : 1;
      }
    }
    return new SaliencyStatus(
        activations.size(0), scored, passes(), constant, nonFinite, nonFiniteScores, blank);
  }

  @Override
  public void close() {
    masks.close();
    passScores.close();
  }
}
