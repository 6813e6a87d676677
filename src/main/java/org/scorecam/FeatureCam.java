package org.scorecam;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.LayerException;
import org.scorecam.model.CaptureMoment;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.model.Precision;
import org.scorecam.model.RepeatedCall;
import org.scorecam.model.Watch;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.scoring.PassScoring;

/**
 * Explains by changes of the target layer's output instead of the picture: Ablation-CAM and
 * Recipro-CAM. Only what comes after the layer runs for each change, so that a late layer costs a
 * fraction of a pass.
 *
 * <p>The network is cut at the layer, which everything must go through; see {@link
 * HookedModel#from}. Immutable and safe for several threads.
 */
public final class FeatureCam implements Explainer {
  /** Scales as pytorch-grad-cam does, so that maps of all methods can be compared. */
  private static final Recipe RECIPRO =
      new Recipe(
          "recipro-cam",
          Recipe.PYTORCH_GRAD_CAM.masks(),
          Recipe.Score.PROBABILITY,
          Weighting.SCORE,
          Recipe.ConstantChannels.SCORED,
          MapFinish.SCALE_RESIZE_SCALE,
          RepeatedCall.LAST,
          CaptureMoment.AT_CALL);

  /** So many inputs at once fill chunks well; their activation maps are held together. */
  private static final int GROUP = 8;

  private final TargetLayers at;
  private final Method method;

  /** What comes after the layer. */
  private final HookedModel after;

  private final PassScoring scoring;
  private final ProgressListener progress;

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
     * is f(A ∘ M), where M is 1 at that place and 0 at the others. This is the authors' code as it
     * is called, which scales the h×w values to [0, 1]; the paper also has a mask that falls off
     * like a Gaussian. f is the class's probability. A pass for each of the h·w places, and no
     * channel weights. Leading tokens stay as they are.
     */
    RECIPRO
  }

  private FeatureCam(Builder builder, String layer, HookedModel after) {
    this.method = builder.method;
    this.at =
        new TargetLayers(
            builder.model,
            new Watch(List.of(layer), RepeatedCall.LAST, CaptureMoment.AT_CALL),
            builder.layout,
            builder.recipe == null ? usualRecipe(method) : builder.recipe);
    this.after = after;
    this.scoring =
        new PassScoring(after, builder.precision, builder.batch, builder.workers, builder.memory);
    this.progress = builder.progress;
  }

  private static Recipe usualRecipe(Method method) {
    return switch (method) {
      case ABLATION -> Recipe.PYTORCH_GRAD_CAM;
      case RECIPRO -> RECIPRO;
    };
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
  public static final class Builder {
    private final HookedModel model;
    private final Method method;
    private String layer;
    private Optional<Layout> layout = Optional.empty();
    private Recipe recipe;
    private int batch;
    private int workers;
    private OptionalLong memory = OptionalLong.empty();
    private Optional<Precision> precision = Optional.of(Precision.FLOAT32);
    private ProgressListener progress = (scored, total) -> {};

    private Builder(HookedModel model, Method method) {
      this.model = model;
      this.method = method;
    }

    /**
     * Names the target layer.
     *
     * @param path its dotted path; the network's customary layer unless set
     * @return this builder
     */
    public Builder layer(String path) {
      this.layer = requireNonNull(path, "path");
      return this;
    }

    /**
     * As {@link ScoreCam.Builder#layout}.
     *
     * @param chosen how the target layer's output holds its activation maps
     * @return this builder
     */
    public Builder layout(Layout chosen) {
      this.layout = Optional.of(requireNonNull(chosen, "layout"));
      return this;
    }

    /**
     * Chooses what of the output is scored and how the map is finished; nothing else of the recipe
     * is used.
     *
     * @param chosen the published code's of each method unless set
     * @return this builder
     */
    public Builder recipe(Recipe chosen) {
      this.recipe = requireNonNull(chosen, "recipe");
      return this;
    }

    /**
     * As {@link ScoreCam.Builder#batch}.
     *
     * @param rows exactly so many
     * @return this builder
     * @throws IllegalArgumentException if it is less than 1
     */
    public Builder batch(int rows) {
      if (rows < 1) {
        throw new IllegalArgumentException("batch must be at least 1 row, not " + rows);
      }
      this.batch = rows;
      return this;
    }

    /**
     * As {@link ScoreCam.Builder#workers}.
     *
     * @param most chunks that are scored beside each other
     * @return this builder
     * @throws IllegalArgumentException if it is less than 1
     */
    public Builder workers(int most) {
      if (most < 1) {
        throw new IllegalArgumentException("workers must be at least 1, not " + most);
      }
      this.workers = most;
      return this;
    }

    /**
     * As {@link ScoreCam.Builder#memory}.
     *
     * @param bytes of a chunk
     * @return this builder
     * @throws IllegalArgumentException if it is less than 1
     */
    public Builder memory(long bytes) {
      if (bytes < 1) {
        throw new IllegalArgumentException("memory must be at least 1 byte, not " + bytes);
      }
      this.memory = OptionalLong.of(bytes);
      return this;
    }

    /**
     * As {@link ScoreCam.Builder#precision}.
     *
     * @param chosen {@link Precision#FLOAT32} unless set; nothing for the fastest that holds
     * @return this builder
     */
    public Builder precision(Optional<Precision> chosen) {
      this.precision = requireNonNull(chosen, "precision");
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
              : model
                  .defaultLayer()
                  .orElseThrow(
                      () ->
                          new IllegalArgumentException(
                              "no target layer is named, and the network has no customary one: name"
                                  + " one with layer(…)"));
      HookedModel after = model.from(chosen);
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
    scoring.requireOpen();
    try (LibTorchWork work = LibTorchWork.begin()) {
      return Saliency.fuseLayers(
          InputGroups.explain(at, inputs, targets, (all, left) -> GROUP, this::explainGroup));
    }
  }

  private long explainGroup(
      Tensor images, List<List<Target>> targets, List<List<List<Saliency>>> results) {
    List<FeatureScoring> changes = new ArrayList<>();
    List<List<List<Saliency>>> maps = new ArrayList<>();
    try (NativeScope scope = NativeScope.open();
        FirstPass pass = FirstPass.of(at, images, targets, false)) {
      Tensor output = pass.output(0);
      for (int i = 0; i < targets.size(); i++) {
        changes.add(
            new FeatureScoring(
                method,
                at.name(),
                output.narrow(0, i, 1).to(ScalarType.Float),
                pass.layout(0),
                new MapMaker(at.recipe(), pass.mapsOf(i, 0), images.select(0, i)),
                pass.targetsOf(i)));
      }
      long passes = changes.stream().mapToLong(FeatureScoring::passes).sum();
      ChunkPlan plan =
          scoring.score(changes, InputShape.ofRowsIn(output), passes, progress::onProgress);
      for (String note : pass.notes()) {
        plan = plan.noting(note);
      }
      for (FeatureScoring change : changes) {
        maps.add(change.toSaliencies(plan).stream().map(List::of).toList());
      }
      results.addAll(maps);
      return passes;
    } catch (RuntimeException | Error e) {
      Saliency.closeAll(maps);
      throw e;
    } finally {
      changes.forEach(FeatureScoring::close);
    }
  }

  @Override
  public int inputsPerGroup() {
    return GROUP;
  }

  @Override
  public Device device() {
    return at.model().device();
  }

  /** Frees the cut network and the chunks. The model stays open. Closing again does nothing. */
  @Override
  public void close() {
    scoring.close();
    after.close();
  }
}
