package org.scorecam;

import static java.util.stream.Collectors.joining;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.TargetException;
import org.scorecam.mask.MaskRule;
import org.scorecam.mask.Upsampling;
import org.scorecam.model.CaptureMoment;
import org.scorecam.model.RepeatedCall;
import org.scorecam.model.Watch;

/**
 * One way to compute Score-CAM. The published implementations differ in every step and give
 * different maps; the constants reproduce them.
 *
 * @param name what {@link #named} finds it by
 * @param masks how activation maps become masks
 * @param score what of the network's output is scored
 * @param weighting how scores become channel weights
 * @param constantChannels whether channels with a constant map take part
 * @param finish how the weighted sum becomes the map
 * @param repeatedCall which output counts of a layer that the network calls several times
 * @param moment which state counts of an output that the network later changes in place: that of
 *     the call, or what is left at the end of the pass, as in the published implementations, whose
 *     hooks keep a reference
 */
public record Recipe(
    String name,
    MaskRule masks,
    Score score,
    Weighting weighting,
    ConstantChannels constantChannels,
    MapFinish finish,
    RepeatedCall repeatedCall,
    CaptureMoment moment) {

  /** What of the network's output a target sees. */
  public enum Score {
    /** The output as it is. */
    OUTPUT,
    /**
     * softmax(output) over dimension 1: the probabilities of the classes. Of a single value, such
     * as a binary classifier's one logit, that is always 1: {@link
     * SaliencyStatus#softmaxOfOneValue} says so.
     */
    PROBABILITY;

    /** Rows [N, …] of the network's output as a target sees them; needs an open scope. */
    Tensor of(Tensor rows) {
      // A reduced precision ends where the network does.
      Tensor exact = rows.is_floating_point() ? rows.to(ScalarType.Float) : rows;
      if (this == OUTPUT) {
        return exact;
      }
      if (!rows.is_floating_point()) {
        throw new TargetException(
            "probabilities need a floating-point output; the network's is "
                + rows.scalar_type().intern());
      }
      return rows.dim() == 1
          ? torch.softmax(exact.unsqueeze(1), 1).squeeze(1)
          : torch.softmax(exact, 1);
    }
  }

  /** What becomes of a channel whose map has one value everywhere. */
  public enum ConstantChannels {
    /** Its mask is 0: the input is black; its score and map count like any other's. */
    SCORED,
    /** It is left out. */
    SKIPPED
  }

  /**
   * That of tiskw/scorecam-pytorch, the project that this one follows.
   *
   * <p>Bicubic upsampling, then min-max with ε = 1e-10; wₖ = softmax of the scores; ReLU(Σ
   * wₖ·U(Aₖ)).
   */
  public static final Recipe TISKW =
      new Recipe(
          "tiskw",
          new MaskRule(Upsampling.BICUBIC, MaskRule.Order.AFTER_UPSAMPLING, 1e-10),
          Score.OUTPUT,
          Weighting.SOFTMAX,
          ConstantChannels.SCORED,
          MapFinish.RELU,
          RepeatedCall.LAST,
          CaptureMoment.AFTER_PASS);

  /**
   * That of jacobgil/pytorch-grad-cam.
   *
   * <p>Bilinear upsampling with aligned corners, then min-max with ε = 1e-8; softmax; the map is
   * scaled to [0, 1] before and after it is resized. It alone looks at the first call of a layer.
   */
  public static final Recipe PYTORCH_GRAD_CAM =
      new Recipe(
          "pytorch-grad-cam",
          new MaskRule(Upsampling.BILINEAR_ALIGNED, MaskRule.Order.AFTER_UPSAMPLING, 1e-8),
          Score.OUTPUT,
          Weighting.SOFTMAX,
          ConstantChannels.SCORED,
          MapFinish.SCALE_RESIZE_SCALE,
          RepeatedCall.FIRST,
          CaptureMoment.AFTER_PASS);

  /**
   * That of frgfm/torch-cam.
   *
   * <p>Min-max with ε = 1e-8 at the layer's size, then bilinear upsampling; softmax; the map has
   * the layer's size and is scaled to [0, 1].
   */
  public static final Recipe TORCHCAM =
      new Recipe(
          "torchcam",
          new MaskRule(Upsampling.BILINEAR, MaskRule.Order.BEFORE_UPSAMPLING, 1e-8),
          Score.OUTPUT,
          Weighting.SOFTMAX,
          ConstantChannels.SCORED,
          MapFinish.LAYER_SIZE_MIN_MAX,
          RepeatedCall.LAST,
          CaptureMoment.AFTER_PASS);

  /**
   * That of the paper's first author, haofanwang/Score-CAM.
   *
   * <p>Bilinear upsampling, then min-max without ε; constant channels are skipped; wₖ = the class's
   * probability; the map is scaled to [0, 1].
   */
  public static final Recipe HAOFANWANG =
      new Recipe(
          "haofanwang",
          new MaskRule(Upsampling.BILINEAR, MaskRule.Order.AFTER_UPSAMPLING, 0),
          Score.PROBABILITY,
          Weighting.SCORE,
          ConstantChannels.SKIPPED,
          MapFinish.RELU_MIN_MAX,
          RepeatedCall.LAST,
          CaptureMoment.AFTER_PASS);

  private static final List<Recipe> PUBLISHED =
      List.of(TISKW, PYTORCH_GRAD_CAM, TORCHCAM, HAOFANWANG);

  /**
   * The recipes of the published implementations.
   *
   * @return the four constants
   */
  public static List<Recipe> published() {
    return PUBLISHED;
  }

  /**
   * Finds a published recipe.
   *
   * @param name its name
   * @return the recipe
   * @throws IllegalArgumentException if there is none of that name, with the names there are
   */
  public static Recipe named(String name) {
    return PUBLISHED.stream()
        .filter(recipe -> recipe.name.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "'%s' is not a recipe; the recipes are %s"
                        .formatted(
                            name, PUBLISHED.stream().map(Recipe::name).collect(joining(", ")))));
  }

  /**
   * What this recipe has captured of some layers.
   *
   * @param layers dotted paths, each once
   * @return the call and the moment that count for it
   */
  public Watch watching(List<String> layers) {
    return new Watch(layers, repeatedCall, moment);
  }

  /** Rows [N, …] of the network's output as a target sees them; needs an open scope. */
  Tensor scored(Tensor rows) {
    return score.of(rows);
  }
}
