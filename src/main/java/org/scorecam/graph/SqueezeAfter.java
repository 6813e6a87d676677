package org.scorecam.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Value;

/**
 * Squeeze and excitation of what a layer puts out, in a program, where nothing else reads that:
 *
 * <pre>
 * mean → conv2d, activation → conv2d, gate → mul
 * </pre>
 */
final class SqueezeAfter {
  /** Of [N, C, H, W]. */
  private static final Set<Long> IMAGE = Set.of(2L, 3L);

  /** {@code mean(x, dimensions, keepdim, dtype)}. */
  private static final long MEAN_INPUTS = 4;

  private final Value filtered;
  private final JitNode mean;
  private final LayerFusion squeeze;
  private final LayerFusion excite;

  /** Null if the second convolution takes it in. */
  private final JitNode gate;

  private final JitNode scaling;

  private SqueezeAfter(
      Value filtered,
      JitNode mean,
      LayerFusion squeeze,
      LayerFusion excite,
      JitNode gate,
      JitNode scaling) {
    this.filtered = filtered;
    this.mean = mean;
    this.squeeze = squeeze;
    this.excite = excite;
    this.gate = gate;
    this.scaling = scaling;
  }

  /** That after a layer, if there is one, and its two convolutions are among the layers. */
  static Optional<SqueezeAfter> of(LayerFusion layer, Map<JitNode, LayerFusion> layers) {
    Value filtered = layer.output();
    List<JitNode> users =
        GraphNodes.usersOf(filtered).stream().filter(user -> !RankQuestion.isOne(user)).toList();
    if (users.size() != 2 || !isOfImages(layer)) {
      return Optional.empty();
    }
    Optional<JitNode> mean = users.stream().filter(SqueezeAfter::isMeanOfImage).findFirst();
    Optional<LayerFusion> squeeze = mean.flatMap(node -> onlyLayerAfter(node.output(), layers));
    Optional<LayerFusion> excite = squeeze.flatMap(first -> onlyLayerAfter(first.output(), layers));
    if (excite.isEmpty()) {
      return Optional.empty();
    }
    JitNode gate =
        GraphNodes.onlyUserOf(excite.get().output())
            .filter(node -> excite.get().activation() == Activation.NONE)
            .filter(node -> Activation.of(node) != Activation.NONE)
            .orElse(null);
    Value scales = gate == null ? excite.get().output() : gate.output();
    return GraphNodes.onlyUserOf(scales)
        .filter(node -> users.contains(node) && isProduct(node, filtered, scales))
        .map(
            node ->
                new SqueezeAfter(filtered, mean.get(), squeeze.get(), excite.get(), gate, node));
  }

  private static boolean isOfImages(LayerFusion layer) {
    return layer.layer() instanceof PackedConvolution convolution
        && convolution.inputSize().size() == RankQuestion.DIMENSIONS;
  }

  /** The mean of [N, C, H, W] as [N, C, 1, 1], by either of the two usual operators. */
  private static boolean isMeanOfImage(JitNode node) {
    return switch (GraphNodes.kindOf(node)) {
      case "aten::adaptive_avg_pool2d" -> longsOf(node.input(1)).equals(Set.of(1L));
      case "aten::mean" ->
          node.inputs().size() == MEAN_INPUTS
              && longsOf(node.input(1)).equals(IMAGE)
              && GraphNodes.constantOf(node.input(2)).filter(IValue::toBool).isPresent()
              && GraphNodes.constantOf(node.input(3)).filter(IValue::isNone).isPresent();
      default -> false;
    };
  }

  /** Dimensions counted from the last are counted from the first. */
  private static Set<Long> longsOf(Value value) {
    return GraphNodes.longsOf(value).stream()
        .flatMap(List::stream)
        .map(each -> each < 0 ? each + RankQuestion.DIMENSIONS : each)
        .collect(Collectors.toSet());
  }

  private static Optional<LayerFusion> onlyLayerAfter(
      Value value, Map<JitNode, LayerFusion> layers) {
    return GraphNodes.onlyUserOf(value)
        .map(layers::get)
        .filter(next -> next.layer() instanceof PackedConvolution)
        .filter(next -> !next.sums() && next.input().equals(value));
  }

  private static boolean isProduct(JitNode node, Value filtered, Value scales) {
    boolean inOrder = node.input(0).equals(filtered) && node.input(1).equals(scales);
    return switch (GraphNodes.kindOf(node)) {
      case "aten::mul" ->
          inOrder || (node.input(0).equals(scales) && node.input(1).equals(filtered));
      case "aten::mul_" -> inOrder;
      default -> false;
    };
  }

  SqueezeExcitation layer() {
    return new SqueezeExcitation(
        (PackedConvolution) squeeze.layer(),
        squeeze.activation(),
        (PackedConvolution) excite.layer(),
        gate == null ? excite.activation() : Activation.of(gate));
  }

  /** What is scaled. */
  Value output() {
    return scaling.output();
  }

  List<LayerFusion> layers() {
    return List.of(squeeze, excite);
  }

  /** In the order of the program. */
  List<JitNode> nodes() {
    List<JitNode> all = new ArrayList<>(List.of(mean));
    all.addAll(squeeze.nodes());
    all.addAll(excite.nodes());
    if (gate != null) {
      all.add(gate);
    }
    all.add(scaling);
    return all;
  }

  /** Takes the nodes out; what they put out must not be used any more. */
  void destroy() {
    GraphNodes.usersOf(filtered).stream().filter(RankQuestion::isOne).forEach(RankQuestion::answer);
    List<JitNode> nodes = nodes();
    for (int i = nodes.size() - 1; i >= 0; i--) {
      nodes.get(i).destroy();
    }
  }
}
