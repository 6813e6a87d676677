package org.scorecam;

import static java.util.Objects.requireNonNull;

import java.util.Optional;
import org.scorecam.model.Precision;
import org.scorecam.nn.Layout;
import org.scorecam.scoring.PassSettings;

/**
 * What builders of explainers that run a network from a layer on can be told; see {@link
 * FeaturePasses}.
 *
 * @param <B> the builder
 */
abstract class FeatureSettings<B extends FeatureSettings<B>> extends PassSettings<B> {
  /** Nothing unless set. */
  Optional<Layout> layout = Optional.empty();

  /** Nothing for the method's own. */
  Optional<Recipe> recipe = Optional.empty();

  /** Nothing for the fastest that holds. */
  Optional<Precision> precision = Optional.of(Precision.FLOAT32);

  ProgressListener progress = (scored, total) -> {};

  /**
   * As {@link ScoreCam.Builder#layout}, of all layers.
   *
   * @param chosen how the target layer's output holds its activation maps
   * @return this builder
   */
  public final B layout(Layout chosen) {
    this.layout = Optional.of(requireNonNull(chosen, "layout"));
    return self();
  }

  /**
   * Chooses what of the output is scored and how the map is finished; nothing else of the recipe is
   * used.
   *
   * @param chosen the published code's of each method unless set
   * @return this builder
   */
  public final B recipe(Recipe chosen) {
    this.recipe = Optional.of(requireNonNull(chosen, "recipe"));
    return self();
  }

  /**
   * As {@link ScoreCam.Builder#precision}.
   *
   * @param chosen {@link Precision#FLOAT32} unless set; nothing for the fastest that holds
   * @return this builder
   */
  public final B precision(Optional<Precision> chosen) {
    this.precision = requireNonNull(chosen, "precision");
    return self();
  }

  /**
   * Has progress reported.
   *
   * @param listener is called after each chunk
   * @return this builder
   */
  public final B progress(ProgressListener listener) {
    this.progress = requireNonNull(listener, "listener");
    return self();
  }
}
