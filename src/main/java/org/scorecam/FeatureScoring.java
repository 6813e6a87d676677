package org.scorecam;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.model.ModelOutput;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.scoring.MaskedInputs;
import org.scorecam.tensor.Tensors;

/**
 * The changed outputs of one layer for one image, in place of masked inputs: each is scored by the
 * network from the layer on. See {@link FeatureCam.Method} for what is changed.
 */
final class FeatureScoring implements MaskedInputs, AutoCloseable {
  private final FeatureCam.Method method;
  private final String layer;
  private final List<ResolvedTarget> targets;
  private final Tensor output;
  private final Layout layout;
  private final MapMaker maps;

  /** Of each pass the channel that is left out, or the place that is kept. */
  private final int[] changed;

  private final Tensor passScores; // [passes, targets] on the device

  /**
   * Plans the passes. Needs an open scope.
   *
   * @param output of the layer, float32 with one row; must stay open
   * @param layout of the output
   * @param maps the activation maps in it, which must stay open
   * @param targets resolved for the image
   */
  FeatureScoring(
      FeatureCam.Method method,
      String layer,
      Tensor output,
      Layout layout,
      MapMaker maps,
      List<ResolvedTarget> targets) {
    this.method = method;
    this.layer = layer;
    this.output = output;
    this.layout = layout;
    this.maps = maps;
    this.targets = targets;
    Tensor activations = maps.activations();
    this.changed =
        method == FeatureCam.Method.ABLATION
            ? channelsThatAreNotZero(activations)
            : IntStream.range(0, Math.toIntExact(activations.select(0, 0).numel())).toArray();
    try (NativeScope scope = NativeScope.open()) {
      long[] shape = {changed.length, targets.size()};
      this.passScores = scope.keep(torch.empty(shape, activations.options(), null));
    }
  }

  /** To leave out one that is 0 everywhere changes nothing. */
  private static int[] channelsThatAreNotZero(Tensor activations) {
    float[] largest = Tensors.toArray(activations.abs().flatten(1, -1).amax(new long[] {1}, false));
    return IntStream.range(0, largest.length).filter(k -> largest[k] != 0).toArray();
  }

  @Override
  public int passes() {
    return changed.length;
  }

  @Override
  public void write(int firstPass, int count, Tensor rows) {
    rows.copy_(output.expand_as(rows));
    if (method == FeatureCam.Method.ABLATION) {
      for (int row = 0; row < count; row++) {
        rows.narrow(0, row, 1).select(layout.channelDimension(), changed[firstPass + row]).zero_();
      }
      return;
    }
    // A view of the rows' memory, whatever its strides.
    Tensor rowMaps = layout.maps(rows).zero_();
    for (int row = 0; row < count; row++) {
      int place = changed[firstPass + row];
      valuesAt(place, rowMaps.select(0, row)).copy_(valuesAt(place, maps.activations()));
    }
  }

  /** The values [K] of maps [K, …] at a place, by its number row by row: a view. */
  private static Tensor valuesAt(int place, Tensor maps) {
    long[] extents = Tensors.extentsOf(maps);
    long places = LongStream.of(extents).reduce(1, Math::multiplyExact);
    long rest = place;
    Tensor values = maps;
    for (long extent : extents) {
      places /= extent;
      values = values.select(1, rest / places);
      rest %= places;
    }
    return values;
  }

  @Override
  public Tensor scoresOf(ModelOutput output, int firstRow, int count) {
    TensorVector scores = new TensorVector();
    for (ResolvedTarget resolved : targets) {
      Target target = resolved.target();
      Tensor rows = target.partOf(output).narrow(0, firstRow, count);
      scores.push_back(target.scores(target.scored(maps.recipe(), rows)).to(ScalarType.Float));
    }
    return torch.stack(scores, 1);
  }

  @Override
  public void keep(int firstPass, Tensor scores) {
    passScores.narrow(0, firstPass, scores.size(0)).copy_(scores);
  }

  /** That of the scores themselves, of which the maps are made; the lowest of all targets. */
  @Override
  public OptionalDouble correlation(float[][] exact, float[][] other) {
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
  List<Saliency> toSaliencies(ChunkPlan plan) {
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

  private Saliency toSaliency(ResolvedTarget target, float[] scoreOfPass, ChunkPlan plan) {
    try (NativeScope scope = NativeScope.open()) {
      boolean ablates = method == FeatureCam.Method.ABLATION;
      int channels = (int) maps.activations().size(0);
      float[] weights = new float[ablates ? channels : 0];
      float[] scores = new float[weights.length];
      Arrays.fill(scores, target.referenceScore());
      for (int i = 0; ablates && i < changed.length; i++) {
        scores[changed[i]] = scoreOfPass[i];
        float drop = (target.referenceScore() - scoreOfPass[i]) / target.referenceScore();
        weights[changed[i]] = Float.isFinite(drop) ? drop : 0;
      }
      Tensor layerMap = ablates ? maps.layerMap(weights) : maps.finished(mapOfPlaces(scoreOfPass));
      Tensor map = maps.map(layerMap);
      long nonFinite =
          IntStream.range(0, scoreOfPass.length)
              .filter(i -> !Float.isFinite(scoreOfPass[i]))
              .count();
      SaliencyStatus status =
          new SaliencyStatus(
              channels,
              ablates ? channels : 0,
              passes(),
              0,
              0,
              nonFinite,
              !map.any().item().toBool());
      return new Saliency(
          scope.keep(map),
          scope.keep(layerMap),
          layer,
          maps.recipe(),
          target.target(),
          target.referenceScore(),
          weights,
          scores,
          status,
          plan);
    }
  }

  /** [1, 1, h, w], scaled to [0, 1] without an ε, which probabilities near 0 would drown in. */
  private Tensor mapOfPlaces(float[] scores) {
    double lowest = Double.POSITIVE_INFINITY;
    double highest = Double.NEGATIVE_INFINITY;
    for (float score : scores) {
      if (Float.isFinite(score)) {
        lowest = Math.min(lowest, score);
        highest = Math.max(highest, score);
      }
    }
    float[] scaled = new float[scores.length];
    for (int i = 0; i < scores.length; i++) {
      boolean counts = Float.isFinite(scores[i]) && highest > lowest;
      scaled[i] = counts ? (float) ((scores[i] - lowest) / (highest - lowest)) : 0;
    }
    Tensor onDevice = Tensor.create(scaled).to(maps.activations().device(), ScalarType.Float);
    return maps.asOneMap(onDevice);
  }

  @Override
  public void close() {
    passScores.close();
  }
}
