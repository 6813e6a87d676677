package org.scorecam;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.model.InputShape;
import org.scorecam.nn.Layout;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.tensor.Tensors;

/**
 * The changed outputs of one layer for one image, in place of masked inputs: each is scored by the
 * network from the layer on. See {@link FeatureCam.Method} for what is changed.
 */
final class FeatureScoring extends TargetScores {
  private final Change change;
  private final Tensor output;
  private final Layout layout;
  private final MapMaker maps;

  /** Of each pass the channel that is left out; nothing where places are kept. */
  private final int[] channels;

  /** What is changed, and around which places. */
  record Change(FeatureCam.Method method, FeatureCam.PlaceMask mask) {
    private boolean ablates() {
      return method == FeatureCam.Method.ABLATION;
    }
  }

  /**
   * Plans the passes. Needs an open scope.
   *
   * @param output of the layer, float32 with one row; must stay open
   * @param layout of the output
   * @param maps the activation maps in it, which must stay open
   * @param targets resolved for the image
   */
  FeatureScoring(
      Change change,
      String layer,
      Tensor output,
      Layout layout,
      MapMaker maps,
      List<ResolvedTarget> targets) {
    this(
        change,
        layer,
        output,
        layout,
        maps,
        targets,
        change.ablates() ? channelsThatAreNotZero(maps.activations()) : new int[0]);
  }

  private FeatureScoring(
      Change change,
      String layer,
      Tensor output,
      Layout layout,
      MapMaker maps,
      List<ResolvedTarget> targets,
      int[] channels) {
    super(layer, maps, targets, change.ablates() ? channels.length : placesIn(maps.activations()));
    this.change = change;
    this.output = output;
    this.layout = layout;
    this.maps = maps;
    this.channels = channels;
  }

  private static int placesIn(Tensor activations) {
    return Math.toIntExact(activations.select(0, 0).numel());
  }

  /** To leave out one that is 0 everywhere changes nothing. */
  private static int[] channelsThatAreNotZero(Tensor activations) {
    float[] largest = Tensors.toArray(activations.abs().flatten(1, -1).amax(new long[] {1}, false));
    return IntStream.range(0, largest.length).filter(k -> largest[k] != 0).toArray();
  }

  @Override
  InputShape shape() {
    boolean hasFactors = change.method == FeatureCam.Method.VIT_RECIPRO;
    return hasFactors
        ? InputShape.of(output.size(1), output.size(2) + 1)
        : InputShape.ofRowsIn(output);
  }

  @Override
  public void write(int firstPass, int count, Tensor rows) {
    switch (change.method) {
      case ABLATION -> {
        rows.copy_(output.expand_as(rows));
        for (int row = 0; row < count; row++) {
          Tensor changed = rows.narrow(0, row, 1);
          changed.select(layout.channelDimension(), channels[firstPass + row]).zero_();
        }
      }
      case RECIPRO -> {
        rows.copy_(output.expand_as(rows));
        Tensor factors = factors(firstPass, count).unsqueeze(1).to(rows.dtype());
        // A view of the rows' memory, whatever its strides; 0 is 0 also times NaN.
        layout.maps(rows).mul_(factors).masked_fill_(factors.eq(new Scalar(0.0)), new Scalar(0.0));
      }
      case VIT_RECIPRO -> {
        Tensor tokens = rows.narrow(2, 0, output.size(2));
        tokens.copy_(output.expand_as(tokens));
        Tensor ofTokens = rows.select(2, output.size(2)).fill_(new Scalar(1.0));
        Tensor factors = factors(firstPass, count).flatten(1, -1);
        ofTokens.narrow(1, layout.leading().orElseThrow(), factors.size(1)).copy_(factors);
      }
    }
  }

  /**
   * For passes one after the other, which each keep a place, the factor of every place: [count, h,
   * w]. A product of one factor for each dimension, of the distance in it: 1 at the place and 0
   * elsewhere, or ½ at the place, ¼ beside it and 0 elsewhere.
   */
  private Tensor factors(int firstPass, int count) {
    boolean gaussian = change.mask == FeatureCam.PlaceMask.GAUSSIAN;
    long[] extents = Tensors.extentsOf(maps.activations());
    long stride = LongStream.of(extents).reduce(1, Math::multiplyExact);
    Tensor factors = torch.ones(count);
    for (long extent : extents) {
      stride /= extent;
      float[] kept = new float[count];
      for (int row = 0; row < count; row++) {
        kept[row] = (firstPass + row) / stride % extent;
      }
      Tensor distances =
          torch.arange(new Scalar(extent)).sub(Tensor.create(kept).unsqueeze(1)).abs_();
      Tensor ofDimension =
          gaussian
              ? distances.neg().add_(new Scalar(2.0)).relu_().div_(new Scalar(4.0))
              : distances.neg().add_(new Scalar(1.0)).relu_();
      long[] shape = new long[(int) factors.dim() + 1];
      Arrays.fill(shape, 1);
      shape[0] = count;
      shape[shape.length - 1] = extent;
      factors = factors.unsqueeze(-1).mul(ofDimension.view(shape));
    }
    return factors.to(maps.activations().device(), ScalarType.Float);
  }

  @Override
  Saliency toSaliency(ResolvedTarget target, float[] scores, ChunkPlan plan) {
    if (!change.ablates()) {
      return ofPlaces(target, scores, scores, plan);
    }
    float[] weights = new float[(int) maps.activations().size(0)];
    float[] channelScores = new float[weights.length];
    Arrays.fill(channelScores, target.referenceScore());
    for (int i = 0; i < channels.length; i++) {
      channelScores[channels[i]] = scores[i];
      float drop = (target.referenceScore() - scores[i]) / target.referenceScore();
      weights[channels[i]] = Float.isFinite(drop) ? drop : 0;
    }
    return ofChannels(target, weights, channelScores, scores, plan);
  }
}
