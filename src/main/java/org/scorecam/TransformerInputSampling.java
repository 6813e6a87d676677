package org.scorecam;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.InputException;
import org.scorecam.error.LayerException;
import org.scorecam.model.HookedModel;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.Device;

/**
 * Explains a vision transformer by leaving tokens out of its input: Transformer Input Sampling
 * (Englebert et al., "Explaining through Transformer Input Sampling", ICCV workshops 2023). A
 * transformer takes any number of tokens, so that nothing has to stand in for what is left out, as
 * black or blurred pixels do.
 *
 * <p>The channels of the blocks' outputs, each a map over the tokens, are clustered by k-means.
 * Each centre is a mask M: the tokens where it is largest are kept, a half of them unless set
 * otherwise; and the network runs from the layer on that puts out the tokens with their positions,
 * with the kept ones and the leading ones alone. The map is Σ f(M)·M / Σ M over the masks, as in
 * the paper, where f is the class's probability; scaled to [0, 1] as in the published code. A token
 * that no mask keeps has the value 0.
 *
 * <p>Of the published code's k-means the initial centres come from LibTorch's random numbers, and a
 * centre to which nothing is nearest becomes 0; here they come from the seed, the same on every
 * machine, and such a centre stays where it is.
 *
 * <p>Immutable and safe for several threads.
 */
public final class TransformerInputSampling implements Explainer {
  private static final Recipe TIS = FeaturePasses.ofProbabilities("tis");

  /** First the layer that puts out the tokens, then those whose outputs are clustered. */
  private final FeaturePasses passes;

  private final int masks;
  private final double kept;
  private final long seed;

  private TransformerInputSampling(Builder builder, List<String> layers, HookedModel after) {
    this.passes = new FeaturePasses(builder, builder.model, layers, TIS, after);
    this.masks = builder.masks;
    this.kept = builder.kept;
    this.seed = builder.seed;
  }

  /**
   * Starts to build.
   *
   * @param model the network; stays the caller's, and must stay open while the result is used
   * @return a builder
   */
  public static Builder on(HookedModel model) {
    return new Builder(requireNonNull(model, "model"));
  }

  /** Collects what a {@link TransformerInputSampling} needs. */
  public static final class Builder extends FeatureSettings<Builder> {
    private static final int USUAL_MASKS = 1024;

    private final HookedModel model;
    private Optional<String> embedding = Optional.empty();
    private List<String> layers = List.of();
    private int masks = USUAL_MASKS;
    private double kept = 0.5;
    private long seed;

    private Builder(HookedModel model) {
      this.model = model;
    }

    @Override
    protected Builder self() {
      return this;
    }

    /**
     * Names the layer that puts out the tokens with their positions, before the first block.
     *
     * @param path its dotted path; unless set, it is found where the network's layers have the
     *     names that torchvision, the zoo or timm give them
     * @return this builder
     */
    public Builder embedding(String path) {
      this.embedding = Optional.of(requireNonNull(path, "path"));
      return this;
    }

    /**
     * Names the layers whose outputs' channels are clustered.
     *
     * @param paths all blocks unless set, found as the embedding is
     * @return this builder
     */
    public Builder layers(String... paths) {
      this.layers = List.of(paths);
      return this;
    }

    /**
     * Sets how many masks there are, and so how many passes.
     *
     * @param most 1024 unless set; no more than the layers have channels are made
     * @return this builder
     * @throws IllegalArgumentException if it is less than 1
     */
    public Builder masks(int most) {
      if (most < 1) {
        throw new IllegalArgumentException("there must be at least 1 mask, not " + most);
      }
      this.masks = most;
      return this;
    }

    /**
     * Sets which part of the tokens a mask keeps.
     *
     * @param part above 0 and below 1; 0.5 unless set
     * @return this builder
     * @throws IllegalArgumentException if it is not
     */
    public Builder kept(double part) {
      if (!(part > 0 && part < 1)) {
        throw new IllegalArgumentException(
            "the part of the tokens that is kept must be above 0 and below 1, not " + part);
      }
      this.kept = part;
      return this;
    }

    /**
     * Seeds k-means.
     *
     * @param chosen 0 unless set
     * @return this builder
     */
    public Builder seed(long chosen) {
      this.seed = chosen;
      return this;
    }

    /**
     * Builds: cuts the network where the tokens come out.
     *
     * @return owned by the caller
     * @throws IllegalArgumentException if layers are not named and not found, or named twice
     * @throws LayerException if the network has no such layer or cannot be cut there; of a Java
     *     network the latter shows with the first input
     */
    public TransformerInputSampling build() {
      Optional<TransformerLayers> found =
          embedding.isPresent() && !layers.isEmpty()
              ? Optional.empty()
              : TransformerLayers.of(model);
      List<String> watched = new ArrayList<>();
      watched.add(
          embedding
              .or(() -> found.map(TransformerLayers::embedded))
              .orElseThrow(() -> notFound("embedding(…)")));
      watched.addAll(
          !layers.isEmpty()
              ? layers
              : found.map(TransformerLayers::blocks).orElseThrow(() -> notFound("layers(…)")));
      TargetLayers.named(watched, model);
      HookedModel after = model.from(watched.get(0));
      try {
        return new TransformerInputSampling(this, watched, after);
      } catch (RuntimeException | Error e) {
        after.close();
        throw e;
      }
    }

    private static IllegalArgumentException notFound(String setter) {
      return new IllegalArgumentException(
          ("the network's layers do not have the names of torchvision's or timm's vision"
                  + " transformers: name those where the tokens are with %s")
              .formatted(setter));
    }
  }

  @Override
  public List<List<Saliency>> explainBatchTargets(Tensor inputs, List<List<Target>> targets) {
    return passes.explain(inputs, targets, new Samples());
  }

  /** Plans the passes of each image: its tokens without some. */
  private final class Samples implements FeaturePasses.Maker {
    @Override
    public TokenScoring of(FirstPass pass, int image, Tensor input) {
      String embedding = passes.at().paths().get(0);
      MapMaker maps = new MapMaker(passes.at().recipe(), pass.mapsOf(image, 0), input);
      long leading = leadingOf(pass.layout(0));
      long tokens = maps.activations().select(0, 0).numel();
      long count = (long) (kept * tokens);
      if (count < 1) {
        throw new LayerException(
            "layer '%s' puts out %d tokens; of these no mask keeps a part of %s: keep more"
                .formatted(embedding, tokens, kept));
      }
      TensorVector channels = new TensorVector();
      for (int layer = 1; layer < passes.at().paths().size(); layer++) {
        Tensor ofLayer = pass.mapsOf(image, layer).flatten(1, -1);
        if (ofLayer.size(1) != tokens) {
          throw new LayerException(
              "layer '%s' puts out %d tokens, layer '%s' %d: masks are made of layers with the same ones"
                  .formatted(embedding, tokens, passes.at().paths().get(layer), ofLayer.size(1)));
        }
        channels.push_back(ofLayer);
      }
      Tensor points = torch.cat(channels, 0);
      try (Tensor centres = KMeans.centres(points, (int) Math.min(masks, points.size(0)), seed)) {
        return new TokenScoring(
            embedding,
            pass.output(0).narrow(0, image, 1).to(ScalarType.Float),
            leading,
            centres,
            count,
            maps,
            pass.targetsOf(image));
      }
    }

    @Override
    public RuntimeException refusal(InputException cause) {
      return new LayerException(
          "the network cannot be run with fewer tokens from layer '%s' on: %s"
              .formatted(passes.at().paths().get(0), cause.getMessage()),
          cause);
    }
  }

  private long leadingOf(Layout layout) {
    if (layout.order() != Layout.Order.TOKENS) {
      throw new LayerException(
          "tokens are left out of what layer '%s' puts out, which are maps that are %s"
              .formatted(passes.at().paths().get(0), layout));
    }
    return layout.leading().orElseThrow();
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
