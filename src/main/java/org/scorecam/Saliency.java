package org.scorecam;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.joining;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.tensor.Tensors;

/**
 * A saliency map: how much each place of the input spoke for the target.
 *
 * <p>Float32, not negative; its scale and size are the recipe's: H×W as the input, but h×w as the
 * layer for {@link Recipe#TORCHCAM}. Of a series it has one extent, L, of a volume three, D×H×W. It
 * stays on the model's device until it is asked for.
 *
 * <p>Owned by the caller. Closing frees the tensor and every pointer into it; what is on the heap
 * stays readable.
 */
public final class Saliency implements AutoCloseable {
  private final Tensor map;

  /** The map [1, 1, H, W] before fusion, from which {@link #fuse} starts. */
  private final Tensor layerMap;

  private final String layer;
  private final Recipe recipe;
  private final Target target;
  private final float referenceScore;
  private final float[] weights;
  private final float[] scores;
  private final SaliencyStatus status;
  private final ChunkPlan plan;

  /** The map's values where they were read with all else; null otherwise. */
  private float[] valuesRead;

  private boolean closed;

  /** Takes over both tensors. */
  Saliency(
      Tensor map,
      Tensor layerMap,
      String layer,
      Recipe recipe,
      Target target,
      float referenceScore,
      float[] weights,
      float[] scores,
      SaliencyStatus status,
      ChunkPlan plan) {
    this.map = map;
    this.layerMap = layerMap;
    this.layer = layer;
    this.recipe = recipe;
    this.target = target;
    this.referenceScore = referenceScore;
    this.weights = weights;
    this.scores = scores;
    boolean oneValue = recipe.score() == Recipe.Score.PROBABILITY && target.isOfOneValue();
    this.status = oneValue ? status.withSoftmaxOfOneValue() : status;
    this.plan = plan;
  }

  /**
   * Makes one map of the maps of several layers, as the recipe says: see {@link MapFinish}.
   *
   * @param saliencies of the same input, target and recipe; they stay open
   * @return a new saliency, owned by the caller; it has the largest map's size and no channel
   *     weights
   * @throws IllegalArgumentException if the list is empty, or the recipes differ
   */
  public static Saliency fuse(List<Saliency> saliencies) {
    requireNonNull(saliencies, "saliencies");
    if (saliencies.isEmpty()) {
      throw new IllegalArgumentException(
          "there is nothing to fuse: the list of saliencies is empty");
    }
    saliencies.forEach(saliency -> requireNonNull(saliency, "a saliency to fuse"));
    Saliency first = saliencies.get(0);
    if (!saliencies.stream().allMatch(other -> other.recipe.equals(first.recipe))) {
      throw new IllegalArgumentException(
          "saliencies of different recipes cannot be fused: "
              + saliencies.stream().map(other -> other.recipe.name()).collect(joining(", ")));
    }
    saliencies.forEach(Saliency::requireOpen);
    try (NativeScope scope = NativeScope.open()) {
      Tensor fused = first.recipe.finish().fuse(saliencies.stream().map(s -> s.layerMap).toList());
      SaliencyStatus status =
          saliencies.stream().map(Saliency::status).reduce(SaliencyStatus::plus).orElseThrow();
      return new Saliency(
          scope.keep(fused.squeeze(0).squeeze(0).contiguous()),
          scope.keep(fused),
          saliencies.stream().map(Saliency::layer).collect(joining("+")),
          first.recipe,
          first.target,
          first.referenceScore,
          new float[0],
          new float[0],
          status,
          first.plan);
    }
  }

  /**
   * One map for each input and target of those of its layers.
   *
   * @param maps for each input and each of its targets a saliency for each layer; they are taken
   *     over, or closed
   */
  static List<List<Saliency>> fuseLayers(List<List<List<Saliency>>> maps) {
    if (maps.stream().flatMap(List::stream).allMatch(ofLayers -> ofLayers.size() == 1)) {
      return maps.stream()
          .map(ofInput -> ofInput.stream().map(ofLayers -> ofLayers.get(0)).toList())
          .toList();
    }
    try {
      return maps.stream().map(ofInput -> ofInput.stream().map(Saliency::fuse).toList()).toList();
    } finally {
      closeAll(maps);
    }
  }

  /**
   * The mean of maps of changed inputs.
   *
   * @param saliencies of the same target, first of the input as it came; they stay open
   * @param unmirrored how many come first; the others' last dimension is reversed
   * @return a new saliency without channel weights, owned by the caller
   */
  static Saliency meanOf(List<Saliency> saliencies, int unmirrored) {
    Saliency first = saliencies.get(0);
    try (NativeScope scope = NativeScope.open()) {
      TensorVector maps = new TensorVector();
      TensorVector layerMaps = new TensorVector();
      long passes = 0;
      for (int i = 0; i < saliencies.size(); i++) {
        Saliency each = saliencies.get(i);
        maps.push_back(i < unmirrored ? each.map : each.map.flip(-1));
        layerMaps.push_back(i < unmirrored ? each.layerMap : each.layerMap.flip(-1));
        passes += each.status.passes();
      }
      Tensor map = torch.stack(maps, 0).mean(0);
      boolean blank = isBlank(map);
      return new Saliency(
          scope.keep(map),
          scope.keep(torch.stack(layerMaps, 0).mean(0)),
          first.layer,
          first.recipe,
          first.target,
          first.referenceScore,
          new float[0],
          new float[0],
          first.status.afterPasses(passes, blank),
          first.plan);
    }
  }

  /** Closes saliencies of inputs, targets and layers. */
  static void closeAll(List<List<List<Saliency>>> maps) {
    maps.stream().flatMap(List::stream).flatMap(List::stream).forEach(Saliency::close);
  }

  /**
   * The map where it was computed.
   *
   * @return a contiguous float32 tensor [H, W], [L] or [D, H, W] on the model's device, owned by
   *     this saliency
   */
  public Tensor tensor() {
    requireOpen();
    // Whoever has it may write to it.
    valuesRead = null;
    return map;
  }

  /**
   * The map's memory, for C++ neighbours.
   *
   * @return the address of its float32 values in row-major order, on the model's device; valid
   *     until this saliency is closed
   */
  public Pointer pointer() {
    return tensor().data_ptr();
  }

  /**
   * The map's extents.
   *
   * @return H and W; L of a series; D, H and W of a volume
   */
  public long[] shape() {
    return open().shape();
  }

  /**
   * The map's rows.
   *
   * @return H; 1 of a series
   */
  public long height() {
    return open().dim() == 1 ? 1 : map.size(-2);
  }

  /**
   * The map's columns.
   *
   * @return W; L of a series
   */
  public long width() {
    return open().size(-1);
  }

  /**
   * Copies a picture's or a series' map to the heap.
   *
   * @return H rows of W values; one row of a series
   * @throws IllegalStateException if the map is a volume's, which {@link #values} has
   */
  public float[][] toArray() {
    if (open().dim() > 2) {
      throw new IllegalStateException(
          "a map of shape %s has no rows of numbers; values() has them one after the other"
              .formatted(Tensors.shapeOf(map)));
    }
    float[] values = values();
    int width = (int) width();
    float[][] rows = new float[(int) height()][];
    for (int y = 0; y < rows.length; y++) {
      rows[y] = Arrays.copyOfRange(values, y * width, (y + 1) * width);
    }
    return rows;
  }

  /**
   * Copies the map to the heap, whatever its shape.
   *
   * @return its values in row-major order
   */
  public float[] values() {
    Tensor values = open();
    // Another thread may ask for the tensor meanwhile.
    float[] read = valuesRead;
    return read == null ? Tensors.toArray(values) : read.clone();
  }

  /**
   * The channel weights wₖ.
   *
   * @return a copy with one value for each of the layer's K channels, 0 for one that was not
   *     scored; empty for a fused map
   */
  public float[] weights() {
    return weights.clone();
  }

  /**
   * The target's scores sₖ of the masked inputs.
   *
   * @return a copy with one value for each of the layer's K channels, NaN for one that was not
   *     scored; empty for a fused map
   */
  public float[] scores() {
    return scores.clone();
  }

  /**
   * The target's score of the input as it came.
   *
   * @return what a mask of ones would score
   */
  public float referenceScore() {
    return referenceScore;
  }

  /**
   * What was explained.
   *
   * @return the target, with the class found where the top class was asked for
   */
  public Target target() {
    return target;
  }

  /**
   * Where the activation maps came from.
   *
   * @return the layer's path; the paths joined by {@code +} for a fused map
   */
  public String layer() {
    return layer;
  }

  /**
   * How the map was computed.
   *
   * @return the recipe
   */
  public Recipe recipe() {
    return recipe;
  }

  /**
   * What happened on the way.
   *
   * @return counts of channels and passes, and whether the map is blank
   */
  public SaliencyStatus status() {
    return status;
  }

  /**
   * In what chunks the network saw the masked inputs.
   *
   * @return the rows of each chunk, and how they were chosen
   */
  public ChunkPlan plan() {
    return plan;
  }

  /** Frees the map. Closing again does nothing. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      map.close();
      layerMap.close();
    }
  }

  /** Keeps the map's values, which were read with all else, so that they are not read again. */
  Saliency withValuesRead(float[] values) {
    valuesRead = values;
    return this;
  }

  private Tensor open() {
    requireOpen();
    return map;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the saliency of layer '%s' is closed".formatted(layer));
    }
  }

  /** Whether a map is 0 everywhere; needs an open scope. */
  static boolean isBlank(Tensor map) {
    return !Tensors.onHost(map.any()).item().toBool();
  }
}
