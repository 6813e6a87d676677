package org.scorecam;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.pytorch.Scalar;
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
 * The channels of one image at one target layer, as {@link ChannelScoring} has them, where nothing
 * is asked of the device before the end: which channels are selected, which maps are constant or
 * not finite, the scores, the weights made of them, and the top class that they are scores of, are
 * known there alone until all is read in one copy with the map. Every selected channel takes a pass
 * of its own, since it is not known which could share one.
 */
final class QueuedChannels implements MaskedInputs, AutoCloseable {
  /** How many numbers {@link #counts} has. */
  private static final int COUNTS = 3;

  private final String layer;
  private final Recipe recipe;
  private final int samples;
  private final List<QueuedTarget> targets;

  /** With all maps finite: zeros in place of those that are not. */
  private final MapMaker maps;

  /** Indices of the selected channels, int64 [n]. */
  private final Tensor selected;

  /** Which of these have finite maps, and which of these have one value everywhere: bool [n]. */
  private final Tensor finite;

  private final Tensor constant;

  private final Masks masks;
  private final Tensor passScores; // [n, targets]

  /**
   * A target of one image, as far as its device knows it.
   *
   * @param target by which scores can be read
   * @param score of the unmasked image, [1]
   */
  record QueuedTarget(Target target, Tensor score) {
    /** What is to be read of it, float64 [2]. */
    private Tensor unread() {
      Tensor found = target.queuedClass().orElse(score);
      return torch.cat(
          new TensorVector(score.to(ScalarType.Double), found.to(ScalarType.Double)), 0);
    }

    private Target read(double found) {
      return target.queuedClass().isPresent() ? target.found((long) found) : target;
    }
  }

  /**
   * Queues the selection. Needs an open scope, in which alone the new object can be used.
   *
   * @param configuration whose channels are not adaptive, and selected without a gradient
   * @param layer the target layer's path
   * @param activations its maps, float32 [K, h, w]; must stay open
   * @param image [C, H, W] on the same device; must stay open
   * @param targets of this image, at least one
   */
  QueuedChannels(
      Configuration configuration,
      String layer,
      Tensor activations,
      Tensor image,
      List<QueuedTarget> targets) {
    this.layer = layer;
    this.recipe = configuration.recipe();
    this.samples = configuration.sampling().samples();
    this.targets = List.copyOf(targets);
    ChannelSelection channels = configuration.channels();
    Tensor finiteOfAll = activations.flatten(1, -1).isfinite().all(1);
    Tensor clean = activations.where(likeMaps(finiteOfAll, activations), new Scalar(0.0f));
    this.maps = new MapMaker(recipe, clean, image);
    this.selected = channels.selectOnDevice(activations);
    Tensor selectedMaps = clean.index_select(0, selected);
    Tensor places = selectedMaps.flatten(1, -1);
    this.finite = finiteOfAll.index_select(0, selected);
    this.constant = places.amax(new long[] {1}, false).eq(places.amin(new long[] {1}, false));
    this.passScores =
        torch.empty(new long[] {selected.size(0), targets.size()}, activations.options(), null);
    this.masks = configuration.masker().prepare(selectedMaps, image, recipe.masks());
  }

  /** Whether the targets' scores and the channels can be had without a look at the device. */
  static boolean canHave(Configuration configuration, List<List<Target>> targets) {
    ChannelSelection channels = configuration.channels();
    return !channels.isAdaptive()
        && !channels.needsGradient()
        && targets.stream().flatMap(List::stream).allMatch(Target::canBeQueued);
  }

  /** One value for each of the maps, to be broadcast over them. */
  private static Tensor likeMaps(Tensor values, Tensor maps) {
    long[] shape = new long[(int) maps.dim()];
    Arrays.fill(shape, 1);
    shape[0] = -1;
    return values.view(shape);
  }

  @Override
  public int passes() {
    return (int) passScores.size(0);
  }

  @Override
  public void write(int firstPass, int count, Tensor rows) {
    masks.write(LongStream.range(firstPass, firstPass + (long) count).toArray(), rows);
  }

  @Override
  public Tensor scoresOf(ModelOutput output, int firstRow, int count) {
    List<Target> wanted = targets.stream().map(QueuedTarget::target).toList();
    return Target.scoresOf(wanted, recipe, output, firstRow, count);
  }

  @Override
  public void keep(int firstPass, Tensor scores) {
    passScores.narrow(0, firstPass, scores.size(0)).copy_(scores);
  }

  /** The lowest of all targets, each of which must hold. */
  @Override
  public OptionalDouble correlation(float[][] exact, float[][] other) {
    try (NativeScope scope = NativeScope.open()) {
      return IntStream.range(0, targets.size())
          .mapToObj(
              t ->
                  MapAgreement.correlationOf(
                      column(exact, t), column(other, t), scores -> mapOf(scores)))
          .flatMapToDouble(OptionalDouble::stream)
          .min();
    }
  }

  private static float[] column(float[][] scores, int target) {
    float[] column = new float[scores.length];
    for (int pass = 0; pass < scores.length; pass++) {
      column[pass] = scores[pass] == null ? Float.NaN : scores[pass][target];
    }
    return column;
  }

  private float[] mapOf(float[] scoreOfPass) {
    Tensor scores = Tensors.onDevice(Tensor.create(scoreOfPass), passScores.device());
    return Tensors.toArray(maps.map(maps.layerMap(weightsOf(channelScores(scores)))));
  }

  /** From a score for each pass to float64 [K], NaN for channels that are not scored. */
  private Tensor channelScores(Tensor scoreOfPass) {
    Tensor counted = scoreOfPass.to(ScalarType.Double).where(counted(), new Scalar(Double.NaN));
    long[] channels = {maps.activations().size(0)};
    return torch
        .full(channels, new Scalar(Double.NaN), counted.options())
        .index_copy_(0, selected, counted);
  }

  /** The selected channels that are scored, bool [n]. */
  private Tensor counted() {
    boolean skips = recipe.constantChannels() == Recipe.ConstantChannels.SKIPPED;
    return skips ? finite.logical_and(constant.logical_not()) : finite;
  }

  private Tensor weightsOf(Tensor channelScores) {
    return recipe.weighting().weights(channelScores).to(ScalarType.Float);
  }

  /** Makes each target's map of its scores, and reads what there is to read of it. */
  List<Saliency> toSaliencies(ChunkPlan plan) {
    List<Saliency> saliencies = new ArrayList<>();
    try (NativeScope scope = NativeScope.open()) {
      Stage.Combine stage = new Stage.Combine(layer, maps.activations().size(0), passes());
      List<Result> results = new ArrayList<>();
      TensorVector unread = new TensorVector();
      for (int t = 0; t < targets.size(); t++) {
        Result result = resultOf(t);
        results.add(result);
        result.addTo(unread);
      }
      unread.push_back(counts());
      double[] values = read(torch.cat(unread, 0));
      stage.commit();
      int each = (values.length - COUNTS) / targets.size();
      long[] counts =
          Arrays.stream(values, values.length - COUNTS, values.length)
              .mapToLong(count -> (long) count)
              .toArray();
      for (int t = 0; t < targets.size(); t++) {
        double[] ofTarget = Arrays.copyOfRange(values, t * each, (t + 1) * each);
        saliencies.add(results.get(t).toSaliency(ofTarget, counts, plan));
      }
      return saliencies;
    } catch (RuntimeException | Error e) {
      saliencies.forEach(Saliency::close);
      throw e;
    }
  }

  /** How many of the selected are scored, constant and not finite, float64 [3]. */
  private Tensor counts() {
    return torch
        .stack(
            new TensorVector(
                counted().sum(), constant.logical_and(finite).sum(), finite.logical_not().sum()),
            0)
        .to(ScalarType.Double);
  }

  private static double[] read(Tensor unread) {
    double[] values = new double[(int) unread.numel()];
    new DoublePointer(Tensors.onHost(unread).data_ptr()).get(values);
    return values;
  }

  private Result resultOf(int t) {
    Tensor scores = channelScores(passScores.select(1, t));
    Tensor weights = weightsOf(scores);
    Tensor layerMap = maps.layerMap(weights);
    return new Result(targets.get(t), scores, weights, layerMap, maps.map(layerMap));
  }

  /** What one target's scores came to, on the device. */
  private final class Result {
    private final QueuedTarget target;
    private final Tensor scores;
    private final Tensor weights;
    private final Tensor layerMap;
    private final Tensor map;

    private Result(
        QueuedTarget target, Tensor scores, Tensor weights, Tensor layerMap, Tensor map) {
      this.target = target;
      this.scores = scores;
      this.weights = weights;
      this.layerMap = layerMap;
      this.map = map;
    }

    /** What is to be read: K scores, K weights, the target's numbers, the map's values. */
    private void addTo(TensorVector unread) {
      unread.push_back(scores);
      unread.push_back(weights.to(ScalarType.Double));
      unread.push_back(target.unread());
      unread.push_back(map.flatten().to(ScalarType.Double));
    }

    private Saliency toSaliency(double[] read, long[] counts, ChunkPlan plan) {
      int channels = (int) scores.size(0);
      float[] readScores = floats(read, 0, channels);
      long finiteScores =
          IntStream.range(0, channels).filter(k -> Float.isFinite(readScores[k])).count();
      float[] values = floats(read, 2 * channels + 2, read.length);
      SaliencyStatus status =
          new SaliencyStatus(
              channels,
              counts[0],
              passes(),
              counts[1],
              counts[2],
              counts[0] - finiteScores,
              isBlank(values));
      try (NativeScope scope = NativeScope.open()) {
        return new Saliency(
                scope.keep(map.alias()),
                scope.keep(layerMap.alias()),
                layer,
                recipe,
                target.read(read[2 * channels + 1]),
                (float) read[2 * channels],
                floats(read, channels, 2 * channels),
                readScores,
                status.sampled(samples, Optional.empty()),
                plan)
            .withValuesRead(values);
      }
    }
  }

  private static float[] floats(double[] values, int from, int to) {
    float[] floats = new float[to - from];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[from + i];
    }
    return floats;
  }

  private static boolean isBlank(float[] values) {
    for (float value : values) {
      if (value != 0) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void close() {
    masks.close();
  }
}
