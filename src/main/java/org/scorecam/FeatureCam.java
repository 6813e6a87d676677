package org.scorecam;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.LayerException;
import org.scorecam.model.HookedModel;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.Device;

/**
 * Explains by changes of the target layer's output instead of the picture: Ablation-CAM,
 * Recipro-CAM and ViT-Recipro-CAM. Only what comes after the layer runs for each change, so that a
 * late layer costs a fraction of a pass.
 *
 * <p>The network is cut at the layer, which everything must go through; see {@link
 * HookedModel#from}. Immutable and safe for several threads.
 */
public final class FeatureCam implements Explainer {
  private static final Recipe RECIPRO = FeaturePasses.ofProbabilities("recipro-cam");

  /** Which block from the last is the customary one of ViT-Recipro-CAM. */
  private static final int BLOCKS_FROM_LAST = 3;

  private final FeatureScoring.Change change;
  private final FeaturePasses passes;

  /** What is changed. A is the layer's output, f the target's score of it. */
  public enum Method {
    /**
     * Ablation-CAM (Desai and Ramaswamy, WACV 2020): wₖ = (f(A) − f(A without channel k)) / f(A),
     * and the map is ReLU(Σ wₖ·Aₖ). A channel is left out by zeros, as in the paper; the code of
     * pytorch-grad-cam does so where the smallest activation is 0, as behind a ReLU, and computes
     * the same map there, but takes min A − 10⁷ elsewhere. A pass for each channel that is not 0
     * everywhere. Of tokens, the leading ones lose the channel as well, as there.
     */
    ABLATION,
    /**
     * Recipro-CAM (Byun and Lee, CVPR workshops 2024, arXiv 2209.14074): the map's value at a place
     * is f(A ∘ M), with the {@link PlaceMask} M of that place: {@link PlaceMask#SINGLE} unless
     * another is set, as the authors' code is called, which scales the h×w values to [0, 1]. f is
     * the class's probability. A pass for each of the h·w places, and no channel weights. Leading
     * tokens stay as they are.
     */
    RECIPRO,
    /**
     * ViT-Recipro-CAM (Byun and Lee, 2023, arXiv 2310.02588): as Recipro-CAM, on the tokens of a
     * transformer. A are the tokens that a block puts out, and the mask multiplies them behind the
     * norm that the next block begins with: what its attention sees is norm(A) ∘ M, and what goes
     * around it is A. (Before a norm, the mask's factors would be lost.) The class token and other
     * leading ones stay as they are. The mask is {@link PlaceMask#GAUSSIAN} unless another is set;
     * f is the class's probability, and the h×w values are scaled to [0, 1].
     *
     * <p>The customary layer is the last block but two, so that the last block but one is the first
     * to see the masked tokens, as in the authors' code. OpenVINO's takes a block later, where f
     * depends on the class token alone, and so does not tell whether what goes around the norm is
     * masked as well, as it is there; it also scores f without softmax.
     */
    VIT_RECIPRO
  }

  /** What is kept of a layer's output around a place. */
  public enum PlaceMask {
    /** 1 at the place, 0 at all others. */
    SINGLE,
    /**
     * ¼ at the place, ⅛ beside, above and below it, 1/16 at the corners between, 0 at all others;
     * of series and volumes likewise: the product of ½, ¼ and 0 for the distances 0, 1 and more in
     * each dimension. What lies outside is left out.
     */
    GAUSSIAN
  }

  private FeatureCam(Builder builder, String layer, HookedModel after) {
    this.change = new FeatureScoring.Change(builder.method, builder.mask);
    this.passes =
        new FeaturePasses(
            builder, builder.model, List.of(layer), usualRecipe(builder.method), after);
  }

  private static Recipe usualRecipe(Method method) {
    return switch (method) {
      case ABLATION -> Recipe.PYTORCH_GRAD_CAM;
      case RECIPRO, VIT_RECIPRO -> RECIPRO;
    };
  }

  /**
   * The layer that a method customarily changes.
   *
   * @param model the network
   * @param method what is changed
   * @return its path: for {@link Method#VIT_RECIPRO} the block that it says, if the network's
   *     blocks have the names that torchvision or timm give them; for the others {@link
   *     HookedModel#defaultLayer}
   */
  public static Optional<String> defaultLayer(HookedModel model, Method method) {
    if (method != Method.VIT_RECIPRO) {
      return model.defaultLayer();
    }
    return TransformerLayers.of(model)
        .map(TransformerLayers::blocks)
        .filter(blocks -> blocks.size() >= BLOCKS_FROM_LAST)
        .map(blocks -> blocks.get(blocks.size() - BLOCKS_FROM_LAST));
  }

  /**
   * Starts to build.
   *
   * @param model the network; stays the caller's, and must stay open while the result is used
   * @param method what is changed
   * @return a builder
   */
  public static Builder on(HookedModel model, Method method) {
    return new Builder(requireNonNull(model, "model"), requireNonNull(method, "method"));
  }

  /** Collects what a {@link FeatureCam} needs. */
  public static final class Builder extends FeatureSettings<Builder> {
    private final HookedModel model;
    private final Method method;
    private PlaceMask mask;
    private String layer;

    private Builder(HookedModel model, Method method) {
      this.model = model;
      this.method = method;
      this.mask = method == Method.VIT_RECIPRO ? PlaceMask.GAUSSIAN : PlaceMask.SINGLE;
    }

    @Override
    protected Builder self() {
      return this;
    }

    /**
     * Chooses what is kept around a place.
     *
     * @param chosen the method's own unless set; {@link Method#ABLATION} has none
     * @return this builder
     * @throws IllegalArgumentException if the method keeps no places
     */
    public Builder placeMask(PlaceMask chosen) {
      if (method == Method.ABLATION) {
        throw new IllegalArgumentException(
            "ABLATION leaves out channels: it has no mask of places");
      }
      this.mask = requireNonNull(chosen, "mask");
      return this;
    }

    /**
     * Names the target layer.
     *
     * @param path its dotted path; that of {@link FeatureCam#defaultLayer} unless set
     * @return this builder
     */
    public Builder layer(String path) {
      this.layer = requireNonNull(path, "path");
      return this;
    }

    /**
     * Builds: cuts the network at the layer.
     *
     * @return owned by the caller
     * @throws IllegalArgumentException if no layer was named and the network has no customary one
     * @throws LayerException if the network has no such layer or cannot be cut there
     */
    public FeatureCam build() {
      String chosen =
          layer != null
              ? layer
              : defaultLayer(model, method)
                  .orElseThrow(
                      () ->
                          new IllegalArgumentException(
                              "no target layer is named, and the network has no customary one: name"
                                  + " one with layer(…)"));
      HookedModel after =
          method == Method.VIT_RECIPRO ? model.fromWithTokenMask(chosen) : model.from(chosen);
      try {
        return new FeatureCam(this, chosen, after);
      } catch (RuntimeException | Error e) {
        after.close();
        throw e;
      }
    }
  }

  @Override
  public List<List<Saliency>> explainBatchTargets(Tensor inputs, List<List<Target>> targets) {
    return passes.explain(inputs, targets, this::changesOf);
  }

  private FeatureScoring changesOf(FirstPass pass, int image, Tensor input) {
    Layout layout = pass.layout(0);
    requireTokens(layout);
    return new FeatureScoring(
        change,
        passes.at().name(),
        pass.output(0).narrow(0, image, 1).to(ScalarType.Float),
        layout,
        new MapMaker(passes.at().recipe(), pass.mapsOf(image, 0), input),
        pass.targetsOf(image));
  }

  private void requireTokens(Layout layout) {
    if (change.method() == Method.VIT_RECIPRO && layout.order() != Layout.Order.TOKENS) {
      throw new LayerException(
          ("ViT-Recipro-CAM masks the tokens that a transformer's block puts out; layer '%s' puts out"
                  + " maps that are %s. RECIPRO is for these")
              .formatted(passes.at().name(), layout));
    }
  }

  @Override
  public int inputsPerGroup() {
    return FeaturePasses.GROUP;
  }

  @Override
  public Device device() {
    return passes.at().model().device();
  }

  /** Frees the cut network and the chunks. The model stays open. Closing again does nothing. */
  @Override
  public void close() {
    passes.close();
  }
}
