package org.scorecam;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.Masks;
import org.scorecam.model.ModelOutput;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.scoring.MaskedInputs;
import org.scorecam.tensor.Tensors;

/**
 * The channels of one image at one target layer, from activation maps to saliency maps: which are
 * selected, their masked inputs, the scores of these for each target, the channel weights, and a
 * map for each target.
 *
 * <p>Masked inputs do not depend on the target: each is passed once, and all targets read their
 * scores from its output. Where channels are selected by a gradient, each target has its own, and
 * those that any of them has are passed. They are numbered from 0 to {@link #passes()}, so that a
 * chunk can hold a range of them beside those of other images; a {@link PassPlan} says whose they
 * are.
 */
final class ChannelScoring implements MaskedInputs, AutoCloseable {
  private final String layer;
  private final Recipe recipe;
  private final List<ResolvedTarget> targets;
  private final MapMaker maps;

  /** For each target the channels that count for it: all of them make the selected. */
  private final List<long[]> channelsOf;

  /** Of the selected channels' maps, by their place among the selected. */
  private final Masks masks;

  private final PassPlan passPlan;
  private final Tensor passScores; // [passes, targets] on the device
  private final int samples;

  /**
   * Selects channels and plans their passes. Needs an open scope, in which alone the new object can
   * be used.
   *
   * @param layer the target layer's path
   * @param activations its maps, float32 [K, h, w]; must stay open
   * @param image [C, H, W] on the same device; must stay open
   * @param targets of this image, at least one
   * @param gradients for each target that of its score by the activations, as they are; empty where
   *     channels are selected without
   */
  ChannelScoring(
      Configuration configuration,
      String layer,
      Tensor activations,
      Tensor image,
      List<ResolvedTarget> targets,
      List<Tensor> gradients) {
    this.layer = layer;
    this.recipe = configuration.recipe();
    this.targets = List.copyOf(targets);
    this.maps = new MapMaker(recipe, activations, image);
    this.samples = configuration.sampling().samples();
    this.channelsOf = channelsOf(configuration.channels(), gradients);
    long[] selected =
        channelsOf.stream().flatMapToLong(LongStream::of).sorted().distinct().toArray();
    this.masks = configuration.masker().prepare(mapsOf(selected), image, recipe.masks());
    try (NativeScope scope = NativeScope.open()) {
      this.passPlan =
          new PassPlan(
              (int) activations.size(0), selected, masks.facts(), recipe.constantChannels());
      this.passScores =
          scope.keep(
              torch.empty(new long[] {passes(), targets.size()}, activations.options(), null));
    } catch (RuntimeException | Error e) {
      masks.close();
      throw e;
    }
  }

  private List<long[]> channelsOf(ChannelSelection channels, List<Tensor> gradients) {
    return channels.needsGradient()
        ? gradients.stream().map(each -> channels.select(maps.activations(), each)).toList()
        : Collections.nCopies(targets.size(), channels.select(maps.activations()));
  }

  private Tensor mapsOf(long[] selected) {
    Tensor activations = maps.activations();
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
    TensorVector scores = new TensorVector();
    for (ResolvedTarget resolved : targets) {
      Target target = resolved.target();
      Tensor rows = target.partOf(output).narrow(0, firstRow, count);
      scores.push_back(target.scores(target.scored(recipe, rows)).to(ScalarType.Float));
    }
    return torch.stack(scores, 1);
  }

  @Override
  public void keep(int firstPass, Tensor scores) {
    passScores.narrow(0, firstPass, scores.size(0)).copy_(scores);
  }

  /** The lowest of all targets, each of which must hold. */
  @Override
  public OptionalDouble correlation(float[][] exact, float[][] other) {
    return IntStream.range(0, targets.size())
        .mapToObj(t -> correlation(channelsOf.get(t), scoresFor(t, exact), scoresFor(t, other)))
        .flatMapToDouble(OptionalDouble::stream)
        .min();
  }

  /** One target's score of each pass; NaN for those that have none. */
  private static float[] scoresFor(int target, float[][] scoresOfPasses) {
    float[] scores = new float[scoresOfPasses.length];
    for (int pass = 0; pass < scores.length; pass++) {
      scores[pass] = scoresOfPasses[pass] == null ? Float.NaN : scoresOfPasses[pass][target];
    }
    return scores;
  }

  /** That of the maps which the scores make, or, where these are blank, of the scores. */
  private OptionalDouble correlation(long[] channels, float[] exact, float[] other) {
    try (NativeScope scope = NativeScope.open()) {
      float[] exactMap = mapOf(channels, exact);
      if (!isConstant(exactMap)) {
        return OptionalDouble.of(MapAgreement.of(exactMap, mapOf(channels, other)).correlation());
      }
      int[] counted =
          IntStream.range(0, exact.length).filter(i -> !Float.isNaN(exact[i])).toArray();
      float[] exactScores = valuesAt(counted, exact);
      return isConstant(exactScores)
          ? OptionalDouble.empty()
          : OptionalDouble.of(MapAgreement.of(exactScores, valuesAt(counted, other)).correlation());
    }
  }

  private float[] mapOf(long[] channels, float[] scoreOfPass) {
    return Tensors.toArray(maps.mapOfScores(passPlan.scores(channels, scoreOfPass)));
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

  /** Turns each target's scores into weights and sums the maps with them. */
  List<Saliency> toSaliencies(ChunkPlan plan) {
    List<Saliency> saliencies = new ArrayList<>();
    try (NativeScope scope = NativeScope.open()) {
      float[] scores = Tensors.toArray(passScores.t().contiguous());
      for (int t = 0; t < targets.size(); t++) {
        float[] scoreOfPass = Arrays.copyOfRange(scores, t * passes(), (t + 1) * passes());
        saliencies.add(toSaliency(targets.get(t), channelsOf.get(t), scoreOfPass, plan));
      }
      return saliencies;
    } catch (RuntimeException | Error e) {
      saliencies.forEach(Saliency::close);
      throw e;
    }
  }

  private Saliency toSaliency(
      ResolvedTarget target, long[] channels, float[] scoreOfPass, ChunkPlan plan) {
    Stage.Combine stage = new Stage.Combine(layer, maps.activations().size(0), passes());
    float[] scores = passPlan.scores(channels, scoreOfPass);
    float[] weights = maps.weights(scores);
    try (NativeScope scope = NativeScope.open()) {
      Tensor layerMap = maps.layerMap(weights);
      Tensor map = maps.map(layerMap);
      boolean blank = !map.any().item().toBool();
      stage.commit();
      return new Saliency(
          scope.keep(map),
          scope.keep(layerMap),
          layer,
          recipe,
          target.target(),
          target.referenceScore(),
          weights,
          scores,
          passPlan.statusOf(channels, scores, blank).withSamples(samples),
          plan);
    }
  }

  @Override
  public void close() {
    masks.close();
    passScores.close();
  }
}
