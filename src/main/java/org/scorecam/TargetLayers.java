package org.scorecam;

import java.util.List;
import java.util.Optional;
import org.scorecam.model.HookedModel;
import org.scorecam.model.Watch;
import org.scorecam.nn.Layout;

/**
 * Where a network is explained.
 *
 * @param model the network
 * @param watch its target layers, and which call and moment of theirs counts
 * @param layout of their outputs, where it was named
 * @param recipe what of the network's output is scored, and how maps are finished
 */
record TargetLayers(HookedModel model, Watch watch, Optional<Layout> layout, Recipe recipe) {
  /**
   * The paths that were named, or the customary one.
   *
   * @throws IllegalArgumentException if there is none, or if one was named twice
   * @throws org.scorecam.error.LayerException if the network has no such layer or it cannot be
   *     captured
   */
  static List<String> named(List<String> named, HookedModel model) {
    List<String> paths = named.isEmpty() ? model.defaultLayer().stream().toList() : named;
    if (paths.isEmpty()) {
      throw new IllegalArgumentException(
          "no target layer is named, and the network has no customary one: name one with layer(…)");
    }
    if (paths.stream().distinct().count() < paths.size()) {
      throw new IllegalArgumentException("each target layer may be named only once: " + paths);
    }
    paths.forEach(model::requireCapturable);
    return paths;
  }

  /** The target layers' paths. */
  List<String> paths() {
    return watch.layers();
  }

  /** The paths as one. */
  String name() {
    return String.join("+", paths());
  }

  /** The layout of a target layer's output as far as it is known. */
  Optional<Layout> layoutOf(String path) {
    return layout.or(() -> model.layoutOf(path));
  }
}
