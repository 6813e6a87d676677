package org.scorecam;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.error.LayerException;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.PrecisionException;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.MaskSampling;
import org.scorecam.mask.Masker;
import org.scorecam.mask.Maskers;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.model.Precision;
import org.scorecam.model.Scorer;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.scoring.PassScoring;
import org.scorecam.scoring.PassSettings;

/**
 * Explains what a network looked at.
 *
 * <pre>{@code
 * try (HookedModel model = TorchScriptModel.load(Path.of("resnet18.pt"), Device.cpu());
 *     ScoreCam cam = ScoreCam.on(model).layer("layer4").build();
 *     Saliency map = cam.explain(input, Target.ofClass(242))) {
 *   float[][] values = map.toArray();
 * }
 * }</pre>
 *
 * <p>With A for the activation maps of the target layer, X for the input, f for the target's score
 * and U for the upsampling to the input's size: Mₖ = the min-max of U(Aₖ), sₖ = f(X ∘ Mₖ), w =
 * softmax s, and the saliency map is ReLU(Σ wₖ·U(Aₖ)); {@link Recipe} says how the published
 * implementations differ. With a {@link MaskSampling} it is SS-CAM or IS-CAM.
 *
 * <p>Immutable and safe for several threads; built once and used for any number of inputs. Memory
 * beyond the network's own is one chunk of masked inputs for each thread and the activation maps,
 * whatever the number of channels.
 */
public final class ScoreCam implements Explainer {
  private final Configuration configuration;

  /** The model with fixed inputs, which is this object's; null where there are none. */
  private final HookedModel bound;

  private final PassScoring scoring;
  private final BatchExplainer batches;

  private ScoreCam(Builder builder, List<String> layers, HookedModel bound) {
    HookedModel model = bound == null ? builder.model : bound;
    this.bound = bound;
    this.configuration =
        new Configuration(
            new TargetLayers(
                model, builder.recipe.watching(layers), builder.layout, builder.recipe),
            builder.channels,
            builder.masker == null ? Maskers.preferred() : builder.masker,
            builder.sampling);
    this.scoring = new PassScoring(model, builder.precision, builder);
    this.batches =
        new BatchExplainer(configuration, scoring, builder.progress, builder.sharedPasses);
  }

  /**
   * Starts to build.
   *
   * @param model the network; stays the caller's, and must stay open while the result is used
   * @return a builder with {@link Recipe#TISKW} and all channels
   */
  public static Builder on(HookedModel model) {
    return new Builder(model);
  }

  /** Collects what a {@link ScoreCam} needs. */
  public static final class Builder extends PassSettings<Builder> {
    private final HookedModel model;
    private final List<String> layers = new ArrayList<>();
    private Optional<Layout> layout = Optional.empty();
    private Recipe recipe = Recipe.TISKW;
    private ChannelSelection channels = ChannelSelection.all();
    private Masker masker;
    private MaskSampling sampling = MaskSampling.once();
    private Optional<Boolean> sharedPasses = Optional.empty();
    private Optional<Precision> precision = Optional.of(Precision.FLOAT32);
    private List<Tensor> fixedInputs = List.of();
    private ProgressListener progress = (scored, total) -> {};

    private Builder(HookedModel model) {
      this.model = requireNonNull(model, "model");
    }

    @Override
    protected Builder self() {
      return this;
    }

    /**
     * Adds a target layer, whose activation maps are explained.
     *
     * @param path its dotted path
     * @return this builder
     */
    public Builder layer(String path) {
      layers.add(requireNonNull(path, "path"));
      return this;
    }

    /**
     * Adds target layers.
     *
     * @param paths their dotted paths
     * @return this builder
     */
    public Builder layers(String... paths) {
      for (String path : paths) {
        layer(path);
      }
      return this;
    }

    /**
     * Says how the target layers' outputs hold their activation maps.
     *
     * @param chosen unless set, what the network is known to have ({@link HookedModel#layoutOf}),
     *     or what the shape of the output is certain to be
     * @return this builder
     */
    public Builder layout(Layout chosen) {
      this.layout = Optional.of(requireNonNull(chosen, "layout"));
      return this;
    }

    /**
     * Chooses which variant is computed.
     *
     * @param chosen {@link Recipe#TISKW} unless set
     * @return this builder
     */
    public Builder recipe(Recipe chosen) {
      this.recipe = requireNonNull(chosen, "recipe");
      return this;
    }

    /**
     * Chooses which channels are scored.
     *
     * @param chosen all unless set
     * @return this builder
     */
    public Builder channels(ChannelSelection chosen) {
      this.channels = requireNonNull(chosen, "channels");
      return this;
    }

    /**
     * Says whether channels with the same masked input share a pass, as all constant ones do, and
     * whether those whose maps are not finite are left out beforehand. The map is the same. To know
     * which these are, the host waits for the device before the first masked input; where no
     * channel shares, it waits once for an image, for the result. Channels that are chosen
     * adaptively or by a gradient, and detections, are looked at in any case.
     *
     * @param shared unless set, they share on the CPU; on a CUDA device, from the first image on in
     *     which that would have saved a sixteenth of the passes
     * @return this builder
     */
    public Builder sharedPasses(boolean shared) {
      this.sharedPasses = Optional.of(shared);
      return this;
    }

    /**
     * Chooses what computes the masked inputs.
     *
     * @param chosen {@link Maskers#preferred} unless set
     * @return this builder
     */
    public Builder masker(Masker chosen) {
      this.masker = requireNonNull(chosen, "masker");
      return this;
    }

    /**
     * Has every mask scored several times, changed each time: SS-CAM and IS-CAM. So many times more
     * masked inputs are scored.
     *
     * @param chosen {@link MaskSampling#once} unless set
     * @return this builder
     */
    public Builder sampling(MaskSampling chosen) {
      this.sampling = requireNonNull(chosen, "sampling");
      return this;
    }

    /**
     * Chooses what the network computes with when it scores masked inputs. A reduced precision is
     * tried on some masked inputs of the first input of each size. If the map that they make
     * correlates less than 0.99 with float32's, explaining it throws a {@link PrecisionException},
     * and so does explaining anything else from then on, with the same words. If the precision is
     * not faster on this machine, float32 is used instead, and the {@link ChunkPlan#notes} say so.
     *
     * @param chosen {@link Precision#FLOAT32} unless set
     * @return this builder
     */
    public Builder precision(Precision chosen) {
      this.precision = Optional.of(requireNonNull(chosen, "precision"));
      return this;
    }

    /**
     * Takes the fastest precision that holds what {@link #precision} demands of it, float32 if none
     * does; tried on the first input.
     *
     * @return this builder
     */
    public Builder fastestPrecision() {
      this.precision = Optional.empty();
      return this;
    }

    /**
     * Sets what the network takes beside the input that is explained, such as a mask or a label:
     * the same in every pass.
     *
     * @param inputs as for {@link HookedModel#withFixedInputs}; copied when this builds
     * @return this builder
     */
    public Builder fixedInputs(Tensor... inputs) {
      this.fixedInputs = List.of(inputs);
      return this;
    }

    /**
     * Has progress reported.
     *
     * @param listener is called after each chunk
     * @return this builder
     */
    public Builder progress(ProgressListener listener) {
      this.progress = requireNonNull(listener, "listener");
      return this;
    }

    /**
     * Builds. Where no layer was named, the network's {@link HookedModel#defaultLayer} is taken.
     *
     * @return owned by the caller
     * @throws IllegalArgumentException if no layer was named and the network has no customary one,
     *     or if one was named twice
     * @throws LayerException if the network has no such layer or it cannot be captured
     * @throws InputException if fixed inputs do not fit what the network takes
     * @throws org.scorecam.error.NativeLibraryException as {@link Maskers#preferred}
     */
    public ScoreCam build() {
      List<String> paths = TargetLayers.named(layers, model);
      HookedModel bound = fixedInputs.isEmpty() ? null : model.withFixedInputs(fixedInputs);
      try {
        return new ScoreCam(this, paths, bound);
      } catch (RuntimeException | Error e) {
        if (bound != null) {
          bound.close();
        }
        throw e;
      }
    }
  }

  /**
   * Explains one input at each target layer.
   *
   * @param input as for {@link Explainer#explain(Tensor, Target)}
   * @param target what is explained
   * @return a saliency for each layer in the order of the builder, each owned by the caller
   */
  public List<Saliency> explainLayers(Tensor input, Target target) {
    return explainLayers(input, List.of(requireNonNull(target, "target"))).get(0);
  }

  /**
   * Explains one input for several targets at each target layer; see {@link
   * Explainer#explain(Tensor, List)}.
   *
   * @param input as for {@link Explainer#explain(Tensor, Target)}
   * @param targets one or more
   * @return for each target a saliency for each layer, each owned by the caller
   */
  public List<List<Saliency>> explainLayers(Tensor input, List<Target> targets) {
    try (NativeScope scope = NativeScope.open()) {
      return Inputs.explainOne(input, batch -> everyMap(batch, List.of(targets))).get(0);
    }
  }

  /**
   * Explains several inputs at each target layer.
   *
   * @param inputs as for {@link #explainBatch}
   * @param targets N targets
   * @return for each input a saliency for each layer, each owned by the caller
   */
  public List<List<Saliency>> explainBatchLayers(Tensor inputs, List<Target> targets) {
    return everyMap(inputs, Inputs.oneTargetEach(targets)).stream()
        .map(ofOneTarget -> ofOneTarget.get(0))
        .toList();
  }

  /**
   * {@inheritDoc} Masked inputs do not depend on the target: each is passed through the network
   * once, and all targets read their scores from its output, so that many targets take hardly
   * longer than one. Those of several inputs share chunks.
   */
  @Override
  public List<List<Saliency>> explainBatchTargets(Tensor inputs, List<List<Target>> targets) {
    return Saliency.fuseLayers(everyMap(inputs, targets));
  }

  /** For each input and each of its targets a saliency for each layer. */
  private List<List<List<Saliency>>> everyMap(Tensor inputs, List<List<Target>> targets) {
    scoring.requireOpen();
    try (LibTorchWork work = LibTorchWork.begin()) {
      return batches.explain(inputs, targets);
    }
  }

  /**
   * Does in advance what the first explanation of an input of this size would do beside its own
   * work: prepares the network, probes how many masked inputs it is fastest with, allocates a
   * chunk, and has the network's libraries prepare for its shape. From the second call on this
   * takes one forward pass. Only the trial of a reduced precision is left to the first explanation,
   * since it needs an input that means something.
   *
   * @param inputShape of one input, such as 3, 224, 224
   * @return what explanations of one such input will do, unless memory gets short
   * @throws InputException if the network cannot run such an input
   * @throws LayerException if a target layer's output holds no activation maps, or may hold them in
   *     several layouts
   */
  public ChunkPlan warmUp(long... inputShape) {
    scoring.requireOpen();
    InputShape shape = InputShape.of(inputShape);
    try (LibTorchWork work = LibTorchWork.begin()) {
      return NativeErrors.translateNative(
          () -> scoring.warmUp(shape, FirstPass.maskedInputs(configuration, shape)),
          (words, e) ->
              new InputException(
                  "an input of shape %s cannot be explained: %s".formatted(shape, words), e));
    }
  }

  /**
   * {@inheritDoc} That is few where each has many masked inputs, more where the layer has few
   * channels or only the strongest are scored. How many a layer has is known when an input was
   * explained.
   */
  @Override
  public int inputsPerGroup() {
    return batches.inputsPerGroup();
  }

  @Override
  public Device device() {
    return configuration.model().device();
  }

  /**
   * What masked inputs of a size go through. Which precision it has is known when the first input
   * was explained; until then, unless a precision was chosen, it is float32.
   *
   * @param inputShape of one input, such as 3, 224, 224
   * @return owned by the model
   * @throws InputException if the network cannot run such an input
   * @throws PrecisionException if the network or the device cannot compute with the precision
   */
  public Scorer scorer(long... inputShape) {
    return scoring.scorer(InputShape.of(inputShape));
  }

  /** Frees the chunks. The model stays open. Closing again does nothing. */
  @Override
  public void close() {
    scoring.close();
    if (bound != null) {
      bound.close();
    }
  }
}
