package org.scorecam.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.bytedeco.pytorch.Block;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Value;

/**
 * Channels that are joined and shuffled, and mostly halved for the next unit of a ShuffleNet, as
 * one operator of ours in place of four that each copy all of them:
 *
 * <pre>
 * cat → channel_shuffle → (narrow, narrow)
 * cat → view → transpose → contiguous → view → chunk     as torchvision writes it
 * </pre>
 */
final class ChannelShuffle {
  /** The operator {@code (Tensor[] inputs, int groups) -> Tensor}. */
  static final String OPERATOR = "scorecam::channel_shuffle";

  /** The same with two results, of half the channels each. */
  static final String HALVING_OPERATOR = "scorecam::channel_shuffle_halves";

  /** What can go once nothing reads it. */
  private static final String WITHOUT_EFFECT =
      "aten::(cat|size|floordiv)|prim::List(Construct|Unpack)";

  /** Where they are in images [N, C, H, W]. */
  private static final long CHANNELS = 1;

  private final JitNode join;
  private final long groups;

  /** All but the join, in their order. */
  private final List<JitNode> nodes;

  /** What is read of the shuffled channels: all, or both halves. */
  private final List<Value> results;

  private ChannelShuffle(JitNode join, long groups, List<JitNode> nodes, List<Value> results) {
    this.join = join;
    this.groups = groups;
    this.nodes = nodes;
    this.results = results;
  }

  /** Rewrites a program that computes in float32 with packed layers. */
  static void in(Block program) {
    List<ChannelShuffle> found =
        GraphNodes.deepOf(program).stream()
            .map(ChannelShuffle::of)
            .flatMap(Optional::stream)
            .toList();
    found.forEach(ChannelShuffle::replace);
    removeUnread(program);
  }

  /** Takes out what was joined, and what views were told of its size. */
  private static void removeUnread(Block program) {
    List<JitNode> nodes = GraphNodes.deepOf(program);
    for (int i = nodes.size() - 1; i >= 0; i--) {
      if (GraphNodes.kindOf(nodes.get(i)).matches(WITHOUT_EFFECT) && !nodes.get(i).hasUses()) {
        nodes.get(i).destroy();
      }
    }
  }

  private static Optional<ChannelShuffle> of(JitNode join) {
    if (!GraphNodes.joinsChannels(join) || !joinsImages(join)) {
      return Optional.empty();
    }
    return shuffled(join).or(() -> viewed(join)).map(ChannelShuffle::halved);
  }

  /** Whether one of what is joined, and so all, comes from a convolution. */
  private static boolean joinsImages(JitNode join) {
    return makersOf(join).stream().anyMatch(maker -> convolvedChannels(maker).isPresent());
  }

  /** Of what is joined; none where that is no list made for it. */
  private static List<JitNode> makersOf(JitNode join) {
    JitNode list = join.input(0).node();
    List<JitNode> makers = new ArrayList<>();
    if (GraphNodes.kindOf(list).equals("prim::ListConstruct")) {
      for (long i = 0; i < list.inputs().size(); i++) {
        makers.add(list.input(i).node());
      }
    }
    return makers;
  }

  /** By LibTorch's own operator. */
  private static Optional<ChannelShuffle> shuffled(JitNode join) {
    return GraphNodes.onlyUserOf(join.output())
        .filter(node -> GraphNodes.kindOf(node).equals("aten::channel_shuffle"))
        .flatMap(
            node ->
                GraphNodes.numberOf(node.input(1))
                    .map(
                        groups ->
                            new ChannelShuffle(
                                join, groups, List.of(node), List.of(node.output()))));
  }

  /** By seeing [N, C, H, W] as [N, groups, C / groups, H, W], of which two are exchanged. */
  private static Optional<ChannelShuffle> viewed(JitNode join) {
    // Beside questions for the size, which nothing changes.
    List<JitNode> views =
        GraphNodes.usersOf(join.output()).stream()
            .filter(user -> !GraphNodes.kindOf(user).equals("aten::size"))
            .toList();
    if (views.size() != 1) {
      return Optional.empty();
    }
    JitNode view = views.get(0);
    Optional<JitNode> transpose = nextOf(view, "aten::transpose");
    Optional<JitNode> dense = transpose.flatMap(node -> nextOf(node, "aten::contiguous"));
    Optional<JitNode> back = dense.flatMap(node -> nextOf(node, "aten::view"));
    Optional<Long> groups = back.flatMap(last -> groupsOf(view, join.output()));
    boolean exchanges =
        groups.isPresent()
            && GraphNodes.isNumber(transpose.get().input(1), 1)
            && GraphNodes.isNumber(transpose.get().input(2), 2)
            && joinsAgain(back.get(), join.output());
    return exchanges
        ? Optional.of(
            new ChannelShuffle(
                join,
                groups.get(),
                List.of(view, transpose.get(), dense.get(), back.get()),
                List.of(back.get().output())))
        : Optional.empty();
  }

  private static Optional<JitNode> nextOf(JitNode node, String kind) {
    return node.outputs().size() == 1
        ? GraphNodes.onlyUserOf(node.output())
            .filter(user -> GraphNodes.kindOf(user).equals(kind))
            .filter(user -> user.input(0).equals(node.output()))
        : Optional.empty();
  }

  /** Of a view as [N, groups, C / groups, H, W]. */
  private static Optional<Long> groupsOf(JitNode view, Value x) {
    List<Value> sizes = GraphNodes.kindOf(view).equals("aten::view") ? sizesOf(view) : List.of();
    if (sizes.size() != 5
        || !isSize(sizes.get(0), x, 0)
        || !isSize(sizes.get(3), x, 2)
        || !isSize(sizes.get(4), x, 3)) {
      return Optional.empty();
    }
    JitNode quotient = sizes.get(2).node();
    return GraphNodes.numberOf(sizes.get(1))
        .filter(
            groups ->
                GraphNodes.kindOf(quotient).equals("aten::floordiv")
                    && isSize(quotient.input(0), x, CHANNELS)
                    && GraphNodes.isNumber(quotient.input(1), groups));
  }

  /** Whether a node sees its input as [N, C, H, W]. */
  private static boolean joinsAgain(JitNode view, Value x) {
    List<Value> sizes = sizesOf(view);
    return sizes.size() == 4
        && isSize(sizes.get(0), x, 0)
        && (GraphNodes.isNumber(sizes.get(1), -1) || isSize(sizes.get(1), x, CHANNELS))
        && isSize(sizes.get(2), x, 2)
        && isSize(sizes.get(3), x, 3);
  }

  /** What a view is told; empty where that is not a list of numbers made for it. */
  private static List<Value> sizesOf(JitNode view) {
    JitNode list = view.input(1).node();
    List<Value> sizes = new ArrayList<>();
    for (long i = 0; i < list.inputs().size(); i++) {
      sizes.add(list.input(i));
    }
    return GraphNodes.kindOf(list).equals("prim::ListConstruct") ? sizes : List.of();
  }

  /** Whether a number is the size of a tensor in a dimension, one of all that were asked for. */
  private static boolean isSize(Value number, Value x, long dimension) {
    JitNode unpack = number.node();
    if (!GraphNodes.kindOf(unpack).equals("prim::ListUnpack")) {
      return false;
    }
    JitNode sizes = unpack.input(0).node();
    return GraphNodes.kindOf(sizes).equals("aten::size")
        && sizes.inputs().size() == 1
        && sizes.input(0).equals(x)
        && unpack.output(dimension).equals(number);
  }

  /** This one with what halves its result, if that is all that reads it. */
  private ChannelShuffle halved() {
    Value all = results.get(0);
    List<JitNode> users = GraphNodes.usersOf(all);
    Optional<List<JitNode>> halving =
        users.size() == 1 ? chunked(users.get(0)) : Optional.of(users).filter(this::areHalves);
    return halving
        .map(
            further -> {
              List<JitNode> longer = new ArrayList<>(nodes);
              longer.addAll(further);
              JitNode last = further.get(further.size() - 1);
              List<Value> halves =
                  last.outputs().size() == 2
                      ? List.of(last.output(0), last.output(1))
                      : further.stream().map(JitNode::output).toList();
              return new ChannelShuffle(join, groups, longer, halves);
            })
        .orElse(this);
  }

  /** A node that cuts into two, and the one that takes these apart. */
  private Optional<List<JitNode>> chunked(JitNode chunk) {
    boolean cuts =
        GraphNodes.kindOf(chunk).equals("aten::chunk")
            && GraphNodes.isNumber(chunk.input(1), 2)
            && GraphNodes.isNumber(chunk.input(2), CHANNELS)
            && groups % 2 == 0; // So many channels are even.
    return cuts
        ? nextOf(chunk, "prim::ListUnpack")
            .filter(unpack -> unpack.outputs().size() == 2)
            .map(unpack -> List.of(chunk, unpack))
        : Optional.empty();
  }

  /** Whether nodes take the first half and the second. */
  private boolean areHalves(List<JitNode> users) {
    OptionalLong channels = joinedChannels();
    if (users.size() != 2 || channels.isEmpty() || channels.getAsLong() % 2 != 0) {
      return false;
    }
    long half = channels.getAsLong() / 2;
    return isPart(users.get(0), 0, half) && isPart(users.get(1), half, half);
  }

  private static boolean isPart(JitNode node, long start, long length) {
    return GraphNodes.kindOf(node).equals("aten::narrow")
        && GraphNodes.isNumber(node.input(1), CHANNELS)
        && GraphNodes.isNumber(node.input(2), start)
        && GraphNodes.isNumber(node.input(3), length);
  }

  /** Of all that is joined; nothing where that is not known. */
  private OptionalLong joinedChannels() {
    long all = 0;
    for (JitNode maker : makersOf(join)) {
      Optional<Long> channels = convolvedChannels(maker).or(() -> narrowedChannels(maker));
      if (channels.isEmpty()) {
        return OptionalLong.empty();
      }
      all += channels.get();
    }
    return OptionalLong.of(all);
  }

  private static Optional<Long> narrowedChannels(JitNode maker) {
    return GraphNodes.kindOf(maker).equals("aten::narrow")
            && GraphNodes.isNumber(maker.input(1), CHANNELS)
        ? GraphNodes.numberOf(maker.input(3))
        : Optional.empty();
  }

  /** Of a packed convolution with a bias, as there is once a norm is part of it. */
  private static Optional<Long> convolvedChannels(JitNode maker) {
    return GraphNodes.kindOf(maker).equals(PackedConvolution.OPERATOR)
        ? GraphNodes.tensorOf(maker.input(2)).filter(Tensor::defined).map(bias -> bias.size(0))
        : Optional.empty();
  }

  /** Where channels are joined, so that nothing is overwritten in between. */
  private void replace() {
    Graph graph = join.owningGraph();
    graph.setInsertPoint(join);
    String operator = results.size() == 1 ? OPERATOR : HALVING_OPERATOR;
    Value groupsGiven = graph.insertConstant(new IValue(groups));
    JitNode node = graph.insertNode(graph.create(Symbol.fromQualString(operator), results.size()));
    node.addInput(GraphNodes.copyOf(join.input(0), node));
    node.addInput(groupsGiven);
    for (int i = 0; i < results.size(); i++) {
      results.get(i).replaceAllUsesWith(node.output(i));
    }
    for (int i = nodes.size() - 1; i >= 0; i--) {
      nodes.get(i).destroy();
    }
  }
}
