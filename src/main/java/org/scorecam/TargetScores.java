package org.scorecam;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.model.InputShape;
import org.scorecam.model.ModelOutput;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.scoring.MaskedInputs;
import org.scorecam.tensor.Tensors;

/** Passes of one image whose scores are kept for each of its targets, and made a map at the end. */
abstract class TargetScores implements MaskedInputs, AutoCloseable {
  private final String layer;
  private final MapMaker maps;
  private final List<ResolvedTarget> targets;
  private final Tensor passScores; // [passes, targets] on the device

  /**
   * Keeps nothing yet.
   *
   * @param layer the target layer's path
   * @param maps finishes the map; must stay open
   * @param targets resolved for the image
   * @param passes how many there will be
   */
  TargetScores(String layer, MapMaker maps, List<ResolvedTarget> targets, int passes) {
    this.layer = layer;
    this.maps = maps;
    this.targets = targets;
    try (NativeScope scope = NativeScope.open()) {
      long[] shape = {passes, targets.size()};
      this.passScores = scope.keep(torch.empty(shape, maps.activations().options(), null));
    }
  }

  /** The shape of what {@link #write} writes for a pass. */
  abstract InputShape shape();

  /** A target's map, of the score that it has in each pass; needs an open scope. */
  abstract Saliency toSaliency(ResolvedTarget target, float[] scores, ChunkPlan plan);

  @Override
  public final int passes() {
    return (int) passScores.size(0);
  }

  @Override
  public final Tensor scoresOf(ModelOutput output, int firstRow, int count) {
    List<Target> wanted = targets.stream().map(ResolvedTarget::target).toList();
    return Target.scoresOf(wanted, maps.recipe(), output, firstRow, count);
  }

  @Override
  public final void keep(int firstPass, Tensor scores) {
    passScores.narrow(0, firstPass, scores.size(0)).copy_(scores);
  }

  /** That of the scores themselves, of which the maps are made; the lowest of all targets. */
  @Override
  public final OptionalDouble correlation(float[][] exact, float[][] other) {
    int[] counted = IntStream.range(0, exact.length).filter(i -> exact[i] != null).toArray();
    return IntStream.range(0, targets.size())
        .filter(t -> Arrays.stream(counted).anyMatch(i -> exact[i][t] != exact[counted[0]][t]))
        .mapToDouble(
            t ->
                MapAgreement.of(column(exact, counted, t), column(other, counted, t)).correlation())
        .min();
  }

  private static float[] column(float[][] scores, int[] rows, int target) {
    float[] column = new float[rows.length];
    for (int i = 0; i < rows.length; i++) {
      column[i] = scores[rows[i]][target];
    }
    return column;
  }

  /** Makes each target's map of its scores. */
  final List<Saliency> toSaliencies(ChunkPlan plan) {
    List<Saliency> saliencies = new ArrayList<>();
    try (NativeScope scope = NativeScope.open()) {
      float[] scores = Tensors.toArray(passScores.t().contiguous());
      for (int t = 0; t < targets.size(); t++) {
        float[] ofTarget = Arrays.copyOfRange(scores, t * passes(), (t + 1) * passes());
        saliencies.add(toSaliency(targets.get(t), ofTarget, plan));
      }
      return saliencies;
    } catch (RuntimeException | Error e) {
      saliencies.forEach(Saliency::close);
      throw e;
    }
  }

  /**
   * The result with a map that is made of channels.
   *
   * @param weights of the channels
   * @param channelScores what they were made of
   * @param scores those of the passes
   */
  final Saliency ofChannels(
      ResolvedTarget target,
      float[] weights,
      float[] channelScores,
      float[] scores,
      ChunkPlan plan) {
    return saliency(target, maps.layerMap(weights), weights, channelScores, scores, plan);
  }

  /**
   * The result with a map that has a value for each place, and is scaled to [0, 1] without an ε,
   * which probabilities near 0 would drown in. What is not finite becomes 0.
   *
   * @param values of the places, row by row
   * @param scores those of the passes
   */
  final Saliency ofPlaces(ResolvedTarget target, float[] values, float[] scores, ChunkPlan plan) {
    Tensor onDevice = Tensors.onDevice(Tensor.create(scaled(values)), maps.activations().device());
    Tensor layerMap = maps.finished(maps.asOneMap(onDevice));
    return saliency(target, layerMap, new float[0], new float[0], scores, plan);
  }

  private static float[] scaled(float[] values) {
    double lowest = Double.POSITIVE_INFINITY;
    double highest = Double.NEGATIVE_INFINITY;
    for (float value : values) {
      if (Float.isFinite(value)) {
        lowest = Math.min(lowest, value);
        highest = Math.max(highest, value);
      }
    }
    float[] scaled = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      boolean counts = Float.isFinite(values[i]) && highest > lowest;
      scaled[i] = counts ? (float) ((values[i] - lowest) / (highest - lowest)) : 0;
    }
    return scaled;
  }

  private Saliency saliency(
      ResolvedTarget target,
      Tensor layerMap,
      float[] weights,
      float[] channelScores,
      float[] scores,
      ChunkPlan plan) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor map = maps.map(layerMap);
      long nonFinite =
          IntStream.range(0, scores.length).filter(i -> !Float.isFinite(scores[i])).count();
      SaliencyStatus status =
          new SaliencyStatus(
              maps.activations().size(0),
              weights.length,
              passes(),
              0,
              0,
              nonFinite,
              Saliency.isBlank(map));
      return new Saliency(
          scope.keep(map),
          scope.keep(layerMap.alias()),
          layer,
          maps.recipe(),
          target.target(),
          target.referenceScore(),
          weights,
          channelScores,
          status,
          plan);
    }
  }

  @Override
  public final void close() {
    passScores.close();
  }
}
