package org.scorecam;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.GradientException;
import org.scorecam.error.LayerException;
import org.scorecam.model.HookedModel;
import org.scorecam.model.Precision;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.tensor.Tensors;

/**
 * Explains by the gradient of the target's score with respect to the activation maps: Grad-CAM,
 * Grad-CAM++ and LayerCAM. One pass with gradients recorded, and one backward for each target; no
 * masked inputs. Memory is that of a training step with up to eight inputs, fewer where it is
 * short.
 *
 * <p>The score must be differentiable. It is read from the network's output as it is, before any
 * softmax, whatever the recipe, as in the published code. Where a layer's output is changed in
 * place later on, as by a ReLU, what is left counts and the gradient with respect to that, so that
 * the map is the same as at the ReLU itself; pytorch-grad-cam multiplies what is left by the
 * gradient with respect to what was there before.
 *
 * <p>Immutable and safe for several threads.
 */
public final class GradientCam implements Explainer {
  /** So many inputs at once keep the network busy; their recorded graph is held together. */
  private static final int GROUP = 8;

  private static final double EPSILON = 1e-6;

  private final TargetLayers at;
  private final Method method;
  private final InputsAtOnce atOnce;
  private volatile boolean closed;

  /**
   * What is made of the gradient. Aₖ are the activation maps, f is the target's score, gₖ = ∂f/∂Aₖ,
   * and i runs over the places of a map. The formulas are those of pytorch-grad-cam's code.
   */
  public enum Method {
    /**
     * Grad-CAM (Selvaraju et al., ICCV 2017, arXiv 1610.02391, equations 1 and 2): wₖ = the mean
     * over i of gₖ(i), and the map is ReLU(Σ wₖ·Aₖ).
     */
    GRAD,
    /**
     * Grad-CAM++ (Chattopadhay et al., WACV 2018, arXiv 1710.11063, equation 19): αₖ(i) = gₖ(i)² /
     * (2·gₖ(i)² + gₖ(i)³·Σⱼ Aₖ(j) + 1e-6), wₖ = Σ over i of αₖ(i)·ReLU(gₖ(i)), and the map is
     * ReLU(Σ wₖ·Aₖ). torch-cam has Σⱼ gₖ(j)³·Aₖ(j) in the denominator, and no 1e-6.
     */
    GRAD_PLUS_PLUS,
    /**
     * LayerCAM (Jiang et al., IEEE TIP 2021, equations 6 and 7): a weight for each place instead of
     * one for each channel; the map is ReLU(Σ ReLU(gₖ) ∘ Aₖ). torch-cam scales maps of several
     * layers by tanh before it fuses them; here they are fused as they are.
     */
    LAYER
  }

  private GradientCam(Builder builder, List<String> layers) {
    this.at =
        new TargetLayers(
            builder.model, builder.recipe.watching(layers), builder.layout, builder.recipe);
    this.method = builder.method;
    this.atOnce = new InputsAtOnce(GROUP, builder.model.device());
  }

  /**
   * Starts to build.
   *
   * @param model the network; stays the caller's, and must stay open while the result is used
   * @param method what is made of the gradient
   * @return a builder with {@link Recipe#PYTORCH_GRAD_CAM}
   */
  public static Builder on(HookedModel model, Method method) {
    return new Builder(requireNonNull(model, "model"), requireNonNull(method, "method"));
  }

  /** Collects what a {@link GradientCam} needs. */
  public static final class Builder {
    private final HookedModel model;
    private final Method method;
    private final List<String> layers = new ArrayList<>();
    private Optional<Layout> layout = Optional.empty();
    private Recipe recipe = Recipe.PYTORCH_GRAD_CAM;

    private Builder(HookedModel model, Method method) {
      this.model = model;
      this.method = method;
    }

    /**
     * Adds a target layer. Maps of several are fused as the recipe does.
     *
     * @param path its dotted path; the network's customary layer if none is named
     * @return this builder
     */
    public Builder layer(String path) {
      layers.add(requireNonNull(path, "path"));
      return this;
    }

    /**
     * As {@link ScoreCam.Builder#layout}.
     *
     * @param chosen how the target layers' outputs hold their activation maps
     * @return this builder
     */
    public Builder layout(Layout chosen) {
      this.layout = Optional.of(requireNonNull(chosen, "layout"));
      return this;
    }

    /**
     * Chooses how the map is finished and maps are fused, and which call and moment of a layer
     * counts; nothing else of the recipe is used.
     *
     * @param chosen {@link Recipe#PYTORCH_GRAD_CAM} unless set
     * @return this builder
     */
    public Builder recipe(Recipe chosen) {
      this.recipe = requireNonNull(chosen, "recipe");
      return this;
    }

    /**
     * Builds.
     *
     * @return owned by the caller
     * @throws IllegalArgumentException if no layer was named and the network has no customary one,
     *     or if one was named twice
     * @throws LayerException if the network has no such layer or it cannot be captured
     */
    public GradientCam build() {
      return new GradientCam(this, TargetLayers.named(layers, model));
    }
  }

  /**
   * {@inheritDoc}
   *
   * @throws GradientException if the network cannot be differentiated, or a target's score has no
   *     gradient with respect to a target layer
   */
  @Override
  public List<List<Saliency>> explainBatchTargets(Tensor inputs, List<List<Target>> targets) {
    if (closed) {
      throw new IllegalStateException("the explainer is closed");
    }
    try (LibTorchWork work = LibTorchWork.begin()) {
      return Saliency.fuseLayers(
          InputGroups.explain(at, inputs, targets, atOnce::of, this::explainGroup));
    }
  }

  private FirstPass firstPass(Tensor images, List<List<Target>> targets) {
    Supplier<FirstPass> pass = () -> FirstPass.of(at, images, targets, true);
    return atOnce.measured(images, pass, pass);
  }

  private long explainGroup(
      Tensor images, List<List<Target>> targets, List<List<List<Saliency>>> results) {
    List<List<List<Saliency>>> maps = new ArrayList<>();
    try (NativeScope scope = NativeScope.open();
        FirstPass pass = firstPass(images, targets)) {
      ChunkPlan plan =
          new ChunkPlan(
              images.size(0),
              1,
              Precision.FLOAT32,
              0,
              ChunkPlan.Basis.FITTED,
              List.of(),
              pass.notes());
      for (int image = 0; image < targets.size(); image++) {
        List<List<Saliency>> ofTargets = new ArrayList<>();
        maps.add(ofTargets);
        for (int t = 0; t < targets.get(image).size(); t++) {
          List<Saliency> ofLayers = new ArrayList<>();
          ofTargets.add(ofLayers);
          for (int layer = 0; layer < at.paths().size(); layer++) {
            ofLayers.add(
                toSaliency(
                    at.paths().get(layer),
                    new MapMaker(at.recipe(), pass.mapsOf(image, layer), images.select(0, image)),
                    pass.gradientsOf(image, layer).get(t).to(ScalarType.Float),
                    pass.targetsOf(image).get(t),
                    plan));
          }
        }
      }
      results.addAll(maps);
      return 0;
    } catch (RuntimeException | Error e) {
      Saliency.closeAll(maps);
      throw e;
    }
  }

  private Saliency toSaliency(
      String layer, MapMaker maps, Tensor gradient, ResolvedTarget target, ChunkPlan plan) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor activations = maps.activations().flatten(1, -1); // [K, h·w]
      Tensor gradients = gradient.flatten(1, -1);
      long channels = activations.size(0);
      Tensor finite =
          activations.isfinite().logical_and(gradients.isfinite()).all(1, true); // [K, 1]
      long nonFinite = channels - Tensors.onHost(finite.sum()).item_long();
      if (nonFinite > 0) {
        gradients = gradients.where(finite, new Scalar(0.0));
        activations = activations.where(finite, new Scalar(0.0));
      }
      float[] weights = new float[0];
      Tensor layerMap;
      if (method == Method.LAYER) {
        Tensor sum = gradients.relu().mul(activations).sum(0);
        layerMap = maps.finished(maps.asOneMap(sum));
      } else {
        weights = Tensors.toArray(weights(activations, gradients).contiguous());
        layerMap = maps.layerMap(weights);
      }
      Tensor map = maps.map(layerMap);
      float[] scores = new float[weights.length];
      Arrays.fill(scores, Float.NaN);
      return new Saliency(
          scope.keep(map),
          scope.keep(layerMap),
          layer,
          maps.recipe(),
          target.target(),
          target.referenceScore(),
          weights,
          scores,
          new SaliencyStatus(channels, 0, 0, 0, nonFinite, 0, Saliency.isBlank(map)),
          plan);
    }
  }

  /** One for each channel, of maps and gradients [K, h·w]; 0 where it would not be finite. */
  private Tensor weights(Tensor activations, Tensor gradients) {
    if (method == Method.GRAD) {
      return gradients.mean(new long[] {1}, false, null);
    }
    Tensor squares = gradients.square();
    Tensor cubes = squares.mul(gradients);
    Tensor sums = activations.sum(new long[] {1}, true, null);
    Tensor divisor = squares.mul(new Scalar(2.0)).add(sums.mul(cubes)).add(new Scalar(EPSILON));
    Tensor weights = squares.div(divisor).mul(gradients.relu()).sum(1);
    return weights.where(weights.isfinite(), new Scalar(0.0));
  }

  @Override
  public int inputsPerGroup() {
    return GROUP;
  }

  @Override
  public Device device() {
    return at.model().device();
  }

  /** Ends its use; there is nothing to free. The model stays open. Closing again does nothing. */
  @Override
  public void close() {
    closed = true;
  }
}
