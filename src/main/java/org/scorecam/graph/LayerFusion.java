package org.scorecam.graph;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Block;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.graph.InvertedResidual.Step;
import org.scorecam.kernel.Winograd;

/**
 * Rewrites a frozen network so that each convolution and linear layer runs on packed weights, and
 * takes the sum and the activation that follow it with it, which saves passes over memory:
 *
 * <pre>
 * conv2d → add_ → relu_     becomes one operator
 * </pre>
 *
 * <p>Convolutions that make up an {@link InvertedResidual} become one operator together, and so do
 * a batch norm, a ReLU and a convolution after them: a {@link BoundedConvolution}, or at least
 * {@linkplain NormAsBounds bounds} before it. Batch norms after convolutions are {@linkplain
 * NormFolding part of them}.
 *
 * <p>Only what is certain to be the sole use of a layer's output is taken, and a sum only where
 * nothing is overwritten between the layer and it.
 */
public final class LayerFusion {
  /** The kinds of nodes that add two values. */
  static final String SUM = "aten::add_?";

  private final PackedLayer layer;

  /** The layer, then what is done with its output, up to the value that takes its place. */
  private final List<JitNode> chain = new ArrayList<>();

  /** Whether a sum is part of the chain, its second node. */
  private boolean sums;

  private Activation activation = Activation.NONE;

  /** What the output goes through before the next layer; null if there is nothing. */
  private SqueezeAfter squeeze;

  /**
   * Reads what follows a layer.
   *
   * @param claimed sums that are part of another layer; this one's is added
   */
  private LayerFusion(
      JitNode node, PackedLayer layer, Set<JitNode> claimed, Map<Long, List<Long>> inputSizes) {
    this.layer = layer;
    chain.add(node);
    follow(claimed, inputSizes);
  }

  /**
   * Rewrites {@code forward} in place; it must not have run yet. Needs an open scope.
   *
   * @param frozen a network whose weights are constants, on the CPU
   * @param inputSizes as {@link LayerInputs} has them
   * @return how many operators there are in place of layers and what followed them
   */
  public static int in(JitModule frozen, Map<Long, List<Long>> inputSizes) {
    Block program = frozen.get_method("forward").graph().block();
    NormFolding.in(program, inputSizes);
    Map<JitNode, LayerFusion> found = new LinkedHashMap<>();
    Set<JitNode> claimed = new HashSet<>();
    // Listed first: taking in a norm destroys nodes, but no layer.
    for (JitNode node : layersOf(program)) {
      read(node, inputSizes.getOrDefault(node.output().unique(), List.of()))
          .map(layer -> withNormBefore(node, layer))
          .ifPresent(layer -> found.put(node, new LayerFusion(node, layer, claimed, inputSizes)));
    }
    found.values().forEach(each -> each.squeeze = SqueezeAfter.of(each, found).orElse(null));
    // Before any node is replaced, whose place in memory another one may take.
    Set<LayerFusion> taken = new HashSet<>();
    List<Runnable> replacements = new ArrayList<>();
    for (LayerFusion fusion : found.values()) {
      if (!taken.contains(fusion)) {
        List<LayerFusion> successive = fusion.andWhatFollows(found);
        Optional<InvertedResidual> together = startOf(successive);
        if (together.isPresent()) {
          List<LayerFusion> members = successive.subList(0, together.get().size());
          taken.addAll(members);
          squeezesBetween(members).forEach(each -> taken.addAll(each.layers()));
          replacements.add(() -> replace(members, together.get()));
        } else {
          replacements.add(fusion::replace);
        }
      }
    }
    replacements.forEach(Runnable::run);
    if (Winograd.isAvailable() && computesInFloat32(program)) {
      ChannelShuffle.in(program);
      MaxPooling.in(program);
    }
    SpentResiduals.overwriteIn(program);
    GraphNodes.removeUnusedConstants(program); // The weights as they were.
    return replacements.size();
  }

  private static boolean computesInFloat32(Block program) {
    return GraphNodes.constantTensorsOf(program).stream()
        .allMatch(
            each -> !each.is_floating_point() || each.scalar_type().intern() == ScalarType.Float);
  }

  /** Whether a node adds a tensor to a tensor. */
  static boolean addsTensors(JitNode node) {
    return GraphNodes.kindOf(node).matches(SUM)
        && isTensor(node.input(0))
        && isTensor(node.input(1));
  }

  private static boolean isTensor(Value value) {
    return value.type().get().str().getString().equals("Tensor");
  }

  private static List<JitNode> layersOf(Block program) {
    return GraphNodes.deepOf(program).stream().filter(LayerFusion::isLayer).toList();
  }

  /** Whether a node may be one that packing knows. */
  static boolean isLayer(JitNode node) {
    return GraphNodes.kindOf(node).matches("aten::(conv2d|_convolution|linear)");
  }

  /** The layer of a node, if it is one that packing knows. */
  private static Optional<PackedLayer> read(JitNode node, List<Long> inputSize) {
    Optional<Tensor> weight = GraphNodes.tensorOf(node.input(1)).filter(Tensor::defined);
    Optional<Tensor> bias = GraphNodes.tensorOf(node.input(2));
    if (weight.isEmpty() || bias.isEmpty()) {
      return Optional.empty();
    }
    return GraphNodes.kindOf(node).equals("aten::linear")
        ? readLinear(weight.get(), bias.get(), inputSize)
        : readConvolution(node, weight.get(), bias.get(), inputSize);
  }

  private static Optional<PackedLayer> readLinear(
      Tensor weight, Tensor bias, List<Long> inputSize) {
    return weight.dim() == 2 && PackedLinear.takes(weight, inputSize)
        ? Optional.of(new PackedLinear(weight, bias, inputSize))
        : Optional.empty();
  }

  private static Optional<PackedLayer> readConvolution(
      JitNode node, Tensor weight, Tensor bias, List<Long> inputSize) {
    boolean traced = GraphNodes.kindOf(node).equals("aten::_convolution");
    Optional<List<Long>> stride = pairOf(node.input(3));
    Optional<List<Long>> padding = pairOf(node.input(4));
    Optional<List<Long>> dilation = pairOf(node.input(5));
    Optional<IValue> groups = GraphNodes.constantOf(node.input(traced ? 8 : 6));
    if (weight.dim() != 4
        || stride.isEmpty()
        || padding.isEmpty()
        || dilation.isEmpty()
        || groups.isEmpty()) {
      return Optional.empty();
    }
    if (traced && !GraphNodes.constantOf(node.input(6)).map(v -> !v.toBool()).orElse(false)) {
      return Optional.empty(); // A transposed one.
    }
    return Optional.of(
        new PackedConvolution(
            weight,
            bias,
            new ConvolutionGeometry(
                stride.get(), padding.get(), dilation.get(), groups.get().toInt()),
            inputSize));
  }

  /** A convolution with what it takes in of a norm before it. */
  private static PackedLayer withNormBefore(JitNode node, PackedLayer layer) {
    return layer instanceof PackedConvolution convolution && NormAsBounds.fits(convolution)
        ? NormBefore.of(node).map(norm -> norm.into(convolution)).orElse(layer)
        : layer;
  }

  private static Optional<List<Long>> pairOf(Value value) {
    return GraphNodes.longsOf(value).filter(longs -> longs.size() == 2);
  }

  /** Extends the chain by a sum and an activation, where they follow. */
  private void follow(Set<JitNode> claimed, Map<Long, List<Long>> inputSizes) {
    userOfOutput()
        .filter(user -> layer.takesIn(Activation.NONE, true))
        .filter(node -> isSum(node, inputSizes))
        .filter(sum -> !claimed.contains(sum))
        .filter(this::seesTheSameInput)
        .ifPresent(
            sum -> {
              chain.add(sum);
              claimed.add(sum);
              sums = true;
            });
    userOfOutput()
        .ifPresent(
            node -> {
              Activation found = Activation.of(node);
              if (found != Activation.NONE && layer.takesIn(found, sums)) {
                chain.add(node);
                activation = found;
              }
            });
  }

  private JitNode last() {
    return chain.get(chain.size() - 1);
  }

  PackedLayer layer() {
    return layer;
  }

  Activation activation() {
    return activation;
  }

  boolean sums() {
    return sums;
  }

  /** What the layer is given, as the graph is now. */
  Value input() {
    return chain.get(0).input(0);
  }

  /** What takes the place of the layer and of all that it takes in. */
  Value output() {
    return last().output();
  }

  List<JitNode> nodes() {
    return chain;
  }

  private Optional<JitNode> userOfOutput() {
    return GraphNodes.onlyUserOf(output());
  }

  /** Whether the layer could as well be computed at a later node: nothing is overwritten. */
  private boolean seesTheSameInput(JitNode later) {
    for (JitNode node = chain.get(0).next(); !node.equals(later); node = node.next()) {
      if (GraphNodes.writes(node)) {
        return false;
      }
    }
    return true;
  }

  /**
   * Whether a node adds something to what the layer puts out, of the same size if that is known.
   */
  private boolean isSum(JitNode node, Map<Long, List<Long>> inputSizes) {
    if (!addsTensors(node)
        || List.of().equals(inputSizes.get(node.output().unique()))
        || !GraphNodes.isNumber(node.input(2), 1)) {
      return false;
    }
    Value other = otherThan(last().output(), node);
    boolean inPlaceOnOther =
        GraphNodes.kindOf(node).equals("aten::add_") && node.input(0).equals(other);
    return !inPlaceOnOther && !other.equals(last().output());
  }

  private static Value otherThan(Value output, JitNode sum) {
    return sum.input(0).equals(output) ? sum.input(1) : sum.input(0);
  }

  /** What is added; as the graph is now, which others may have changed since the chain was read. */
  private Value residual() {
    return otherThan(chain.get(0).output(), chain.get(1));
  }

  private void replace() {
    // Where the other summand is known, and is not overwritten yet.
    JitNode place = chain.get(sums ? 1 : 0);
    Value input = chain.get(0).input(0);
    try (OperatorCall call = layer.operator(sums, activation)) {
      replaceBy(
          sums ? call.insertBefore(place, input, residual()) : call.insertBefore(place, input));
    }
  }

  private void replaceBy(Value result) {
    last().output().replaceAllUsesWith(result);
    destroy();
  }

  private void destroy() {
    for (int i = chain.size() - 1; i >= 0; i--) {
      chain.get(i).destroy();
    }
  }

  /** This one, the one that alone is given what it puts out, and so on. */
  private List<LayerFusion> andWhatFollows(Map<JitNode, LayerFusion> found) {
    List<LayerFusion> successive = new ArrayList<>(List.of(this));
    LayerFusion end = this;
    while (end != null && !end.sums && successive.size() < InvertedResidual.MOST_STEPS) {
      Value output = end.squeeze == null ? end.output() : end.squeeze.output();
      end =
          GraphNodes.onlyUserOf(output)
              .map(found::get)
              .filter(next -> next.input().equals(output))
              .orElse(null);
      if (end != null) {
        successive.add(end);
      }
    }
    return successive;
  }

  private static Optional<InvertedResidual> startOf(List<LayerFusion> successive) {
    return InvertedResidual.startOf(
        successive.stream()
            .takeWhile(each -> each.layer instanceof PackedConvolution)
            .map(LayerFusion::step)
            .toList(),
        found -> {
          List<LayerFusion> members = successive.subList(0, found.size());
          LayerFusion last = members.get(members.size() - 1);
          return !last.sums || (found.canAddInput() && last.addsInputOf(members));
        });
  }

  private Step step() {
    return new Step(
        (PackedConvolution) layer, activation, squeeze == null ? null : squeeze.layer());
  }

  /** Squeezes of all that members of an inverted residual put out, but for the last. */
  private static List<SqueezeAfter> squeezesBetween(List<LayerFusion> members) {
    return members.subList(0, members.size() - 1).stream()
        .map(each -> each.squeeze)
        .filter(Objects::nonNull)
        .toList();
  }

  /** Whether what is added is what the first was given, and still as it was then. */
  private boolean addsInputOf(List<LayerFusion> members) {
    JitNode first = members.get(0).chain.get(0);
    List<JitNode> own =
        Stream.concat(
                members.stream().flatMap(member -> member.chain.stream()),
                squeezesBetween(members).stream().flatMap(each -> each.nodes().stream()))
            .toList();
    for (JitNode node = first; !node.equals(chain.get(1)); node = node.next()) {
      if (GraphNodes.writes(node) && !own.contains(node)) {
        return false;
      }
    }
    return residual().equals(members.get(0).input());
  }

  private static void replace(List<LayerFusion> members, InvertedResidual residual) {
    LayerFusion last = members.get(members.size() - 1);
    JitNode first = members.get(0).chain.get(0);
    try (OperatorCall call = residual.operator(last.sums)) {
      last.replaceBy(call.insertBefore(first, first.input(0)));
    }
    for (int i = members.size() - 2; i >= 0; i--) {
      LayerFusion member = members.get(i);
      if (member.squeeze != null) {
        member.squeeze.destroy();
      }
      member.destroy();
    }
  }
}
