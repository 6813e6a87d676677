package org.scorecam;

import java.util.List;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.scorecam.model.HookedModel;
import org.scorecam.model.Layer;

/**
 * Where tokens are found in a vision transformer whose layers have the names that torchvision, the
 * zoo, or timm give them.
 *
 * @param embedded the layer whose output is the tokens with their positions, before the first block
 * @param blocks the blocks in their order
 */
record TransformerLayers(String embedded, List<String> blocks) {
  /** A block; before its name the path of the transformer, which a network may hold. */
  private static final Pattern TORCHVISION =
      Pattern.compile("((?:.+\\.)?)encoder\\.layers\\.encoder_layer_\\d+");

  private static final Pattern TIMM = Pattern.compile("((?:.+\\.)?)blocks\\.\\d+");

  /** Finds them by their names, where there is one transformer. */
  static Optional<TransformerLayers> of(HookedModel model) {
    List<String> paths = model.layers().stream().map(Layer::path).toList();
    return in(paths, TORCHVISION, "encoder.dropout").or(() -> in(paths, TIMM, "pos_drop"));
  }

  private static Optional<TransformerLayers> in(
      List<String> paths, Pattern block, String embedded) {
    List<MatchResult> found =
        paths.stream()
            .map(block::matcher)
            .filter(Matcher::matches)
            .map(Matcher::toMatchResult)
            .toList();
    List<String> transformers = found.stream().map(match -> match.group(1)).distinct().toList();
    if (transformers.size() != 1 || !paths.contains(transformers.get(0) + embedded)) {
      return Optional.empty();
    }
    return Optional.of(
        new TransformerLayers(
            transformers.get(0) + embedded, found.stream().map(MatchResult::group).toList()));
  }
}
