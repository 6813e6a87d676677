package org.scorecam;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.model.CaptureMoment;
import org.scorecam.model.HookedModel;
import org.scorecam.model.RepeatedCall;
import org.scorecam.model.Watch;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.scoring.PassScoring;

/**
 * Explains with a network that runs from a layer on, on changes of what the layer puts out. What is
 * changed, and how a map is made of the scores, is the {@link Maker}'s.
 */
final class FeaturePasses implements AutoCloseable {
  /** So many inputs at once fill chunks well; what their layers put out is held together. */
  static final int GROUP = 8;

  /** The first layer's output is changed; the others' is looked at. */
  private final TargetLayers at;

  /** What comes after that layer. */
  private final HookedModel after;

  private final PassScoring scoring;
  private final InputsAtOnce atOnce;
  private final ProgressListener progress;

  /**
   * Explains with a cut network.
   *
   * @param layers first that whose output is changed
   * @param recipe of the method, unless the settings have another
   * @param after the model from that layer on; taken over
   */
  FeaturePasses(
      FeatureSettings<?> settings,
      HookedModel model,
      List<String> layers,
      Recipe recipe,
      HookedModel after) {
    this.at =
        new TargetLayers(
            model,
            new Watch(layers, RepeatedCall.LAST, CaptureMoment.AT_CALL),
            settings.layout,
            settings.recipe.orElse(recipe));
    this.after = after;
    this.atOnce = new InputsAtOnce(GROUP, model.device());
    try {
      this.scoring = new PassScoring(after, settings.precision, settings);
    } catch (RuntimeException | Error e) {
      after.close();
      throw e;
    }
    this.progress = settings.progress;
  }

  /**
   * The recipe of methods that score by probability and scale their maps as pytorch-grad-cam does,
   * so that maps of all methods can be compared.
   */
  static Recipe ofProbabilities(String name) {
    return new Recipe(
        name,
        Recipe.PYTORCH_GRAD_CAM.masks(),
        Recipe.Score.PROBABILITY,
        Weighting.SCORE,
        Recipe.ConstantChannels.SCORED,
        MapFinish.SCALE_RESIZE_SCALE,
        RepeatedCall.LAST,
        CaptureMoment.AT_CALL);
  }

  /** What makes those of an image. */
  interface Maker {
    /**
     * Plans an image's passes. A scope is open.
     *
     * @param pass that of the unmasked images
     * @param image which of them
     * @param input it itself, [C, H, W]
     */
    TargetScores of(FirstPass pass, int image, Tensor input);

    /** What is thrown where the network cannot run what is written for the passes. */
    default RuntimeException refusal(InputException cause) {
      return cause;
    }
  }

  TargetLayers at() {
    return at;
  }

  /** As {@link Explainer#explainBatchTargets}. */
  List<List<Saliency>> explain(Tensor inputs, List<List<Target>> targets, Maker maker) {
    scoring.requireOpen();
    try (LibTorchWork work = LibTorchWork.begin()) {
      return Saliency.fuseLayers(
          InputGroups.explain(
              at,
              inputs,
              targets,
              atOnce::of,
              (images, theirs, results) -> explainGroup(images, theirs, results, maker)));
    }
  }

  /** Has the passes of all images of a group scored together, and makes the maps. */
  private long explainGroup(
      Tensor images, List<List<Target>> targets, List<List<List<Saliency>>> results, Maker maker) {
    List<TargetScores> scores = new ArrayList<>();
    List<List<List<Saliency>>> maps = new ArrayList<>();
    try (NativeScope scope = NativeScope.open();
        FirstPass pass =
            atOnce.measured(
                images,
                () -> FirstPass.asItIs(at, images, targets),
                () -> FirstPass.of(at, images, targets, false))) {
      for (int i = 0; i < targets.size(); i++) {
        scores.add(maker.of(pass, i, images.select(0, i)));
      }
      long passes = scores.stream().mapToLong(TargetScores::passes).sum();
      ChunkPlan plan;
      try {
        plan = scoring.score(scores, scores.get(0).shape(), passes, progress::onProgress);
      } catch (InputException e) {
        throw maker.refusal(e);
      }
      plan = plan.noting(pass.notes());
      for (TargetScores each : scores) {
        maps.add(each.toSaliencies(plan).stream().map(List::of).toList());
      }
      results.addAll(maps);
      return passes;
    } catch (RuntimeException | Error e) {
      Saliency.closeAll(maps);
      throw e;
    } finally {
      scores.forEach(TargetScores::close);
    }
  }

  /** Frees the cut network and the chunks. Closing again does nothing. */
  @Override
  public void close() {
    scoring.close();
    after.close();
  }
}
