package org.scorecam.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Graph;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.ValueArrayRef;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.scorecam.graph.Activation;
import org.scorecam.graph.ConvolutionGeometry;
import org.scorecam.graph.FixedInputs;
import org.scorecam.graph.GraphNodes;
import org.scorecam.graph.OperatorCall;
import org.scorecam.graph.PackedConvolution;
import org.scorecam.kernel.FilterWindow;

/**
 * The convolution that a packed network begins with, with the activation after it, where nothing
 * else reads the network's input: y = activation(W ∗ x + b). Whoever knows y can have the rest of
 * the network run on it, which is another function over the same weights.
 *
 * <p>On the CPU, in float32. Owned by its scorer, and safe for several threads.
 */
public final class Stem {
  // Where the operator's schema has what it is called with beside the input.
  private static final int WEIGHT = 1;
  private static final int BIAS = 2;
  private static final int PADDING = 3;
  private static final int STRIDE = 4;
  private static final int DILATION = 5;
  private static final int GROUPS = 6;
  private static final int ACTIVATION = 7;
  private static final int ARGUMENTS = 10;

  private static final float SIX = 6;

  private final OperatorCall convolution;
  private final Tensor bias;
  private final List<Long> weightSizes;
  private final ConvolutionGeometry geometry;
  private final Activation activation;
  private final Rest rest;

  /** The network behind the stem, which frees what the stem is computed with. */
  private final class Rest extends NetworkScorer {
    private final HookedFunction function;

    Rest(Kind kind, HookedFunction function) {
      super(kind);
      this.function = function;
    }

    @Override
    ModelOutput run(Tensor outputs) {
      return function.run(outputs);
    }

    @Override
    void free() {
      function.close();
      convolution.close();
      bias.close();
    }
  }

  private Stem(
      List<IValue> arguments, Activation activation, NetworkScorer.Kind kind, HookedFunction rest) {
    this.weightSizes = sizesOf(arguments.get(WEIGHT));
    this.geometry = geometryOf(arguments);
    this.activation = activation;
    IValue given = arguments.get(BIAS);
    Tensor values = given.isNone() ? torch.zeros(weightSizes.get(0)) : given.toTensor();
    this.bias = values.contiguous().retainReference();
    this.convolution =
        new OperatorCall(PackedConvolution.OPERATOR, "")
            .open()
            .with(arguments.get(WEIGHT))
            .withNone()
            .withList(geometry.padding())
            .withList(geometry.stride())
            .withList(geometry.dilation())
            .with(geometry.groups())
            .with(Activation.NONE.oneDnnName())
            .withList(List.of())
            .withNone();
    this.rest = new Rest(kind, rest);
  }

  /**
   * Cuts a copy of {@code forward}. Needs an open scope.
   *
   * @param frozen a network whose convolutions are packed; stays as it is, and must stay open, as
   *     must the inputs
   * @param kind how it was prepared
   * @return owned by the caller; nothing if the network begins with anything else, with a
   *     convolution of a picture's channels in groups, or with an activation that is no bound
   */
  static Optional<Stem> of(JitModule frozen, NetworkScorer.Kind kind, FixedInputs inputs) {
    Graph copy = frozen.get_method("forward").graph().copy();
    Value input = copy.inputs().at(1);
    JitNode node = GraphNodes.onlyUserOf(input).orElse(null);
    if (node == null
        || !GraphNodes.kindOf(node).equals(PackedConvolution.OPERATOR)
        || node.inputs().size() != ARGUMENTS
        || !node.input(0).equals(input)) {
      return Optional.empty();
    }
    List<IValue> arguments = argumentsOf(node);
    if (arguments.subList(WEIGHT, ARGUMENTS).contains(null)) {
      return Optional.empty();
    }
    String word = arguments.get(ACTIVATION).toStringRef().getString();
    Activation activation =
        List.of(Activation.NONE, Activation.RELU, Activation.RELU6).stream()
            .filter(each -> each.oneDnnName().equals(word))
            .findFirst()
            .orElse(null);
    if (activation == null || geometryOf(arguments).groups() != 1) {
      return Optional.empty();
    }
    node.output().replaceAllUsesWith(input);
    node.destroy();
    GraphNodes.removeUnusedConstants(copy.block());
    HookedFunction rest = HookedFunction.of(frozen, copy, inputs);
    return Optional.of(new Stem(arguments, activation, kind, rest));
  }

  /** Those of an operator; null for what is no constant. */
  private static List<IValue> argumentsOf(JitNode node) {
    List<IValue> arguments = new ArrayList<>();
    ValueArrayRef values = node.inputs();
    for (long i = 0; i < values.size(); i++) {
      JitNode maker = values.get(i).node();
      arguments.add(
          GraphNodes.kindOf(maker).equals("prim::ConstantMKLDNNTensor")
              ? new IValue(new Tensor(maker.t(Symbol.fromQualString("attr::value"))))
              : GraphNodes.constantOf(values.get(i)).orElse(null));
    }
    return arguments;
  }

  private static ConvolutionGeometry geometryOf(List<IValue> arguments) {
    return new ConvolutionGeometry(
        GraphNodes.longsOf(arguments.get(STRIDE)),
        GraphNodes.longsOf(arguments.get(PADDING)),
        GraphNodes.longsOf(arguments.get(DILATION)),
        arguments.get(GROUPS).toInt());
  }

  private static List<Long> sizesOf(IValue tensor) {
    return LongStream.of(tensor.toTensor().shape()).boxed().toList();
  }

  /**
   * The convolution alone, W ∗ x.
   *
   * @param inputs float32 [N, C, H, W], channels-last
   * @return float32 [N, O, Ho, Wo], dense and channels-last, owned by the caller
   * @throws IllegalStateException if the model is closed
   */
  public Tensor convolve(Tensor inputs) {
    return rest.whileOpen(
        inputs,
        () -> {
          Tensor outputs = convolution.call(inputs);
          return outputs.contiguous(MemoryFormat.ChannelsLast).retainReference();
        });
  }

  /**
   * The bias b.
   *
   * @return float32 [O], of zeros if there is none; a new reference, owned by the scope that is
   *     open
   */
  public Tensor bias() {
    return new Tensor(bias);
  }

  /**
   * What the activation raises lower values to.
   *
   * @return 0, or −∞ if there is no such bound
   */
  public float lowest() {
    return activation == Activation.NONE ? Float.NEGATIVE_INFINITY : 0;
  }

  /**
   * What the activation lowers higher values to.
   *
   * @return 6, or ∞ if there is no such bound
   */
  public float highest() {
    return activation == Activation.RELU6 ? SIX : Float.POSITIVE_INFINITY;
  }

  /**
   * Where the filter goes.
   *
   * @return a new native object, owned by the scope that is open
   */
  @SuppressWarnings("exports") // For our kernels, which are nobody else's.
  public FilterWindow window() {
    FilterWindow window = new FilterWindow();
    for (int d = 0; d < 2; d++) {
      window
          .kernel(d, weightSizes.get(2 + d))
          .stride(d, geometry.stride().get(d))
          .padding(d, geometry.padding().get(d))
          .dilation(d, geometry.dilation().get(d));
    }
    return window;
  }

  /**
   * How many multiplications an output takes.
   *
   * @return C times the filter's sizes
   */
  public long multiplications() {
    return weightSizes.stream().skip(1).reduce(1L, Math::multiplyExact);
  }

  /**
   * The shape of what the stem puts out for an input.
   *
   * @param input [C, H, W], of a size that the network runs on
   * @return [O, Ho, Wo]
   */
  public InputShape outputFor(InputShape input) {
    long[] output = {weightSizes.get(0), 0, 0};
    for (int d = 0; d < 2; d++) {
      long reach = geometry.dilation().get(d) * (weightSizes.get(2 + d) - 1) + 1;
      long steps = input.sizes().get(1 + d) + 2 * geometry.padding().get(d) - reach;
      output[1 + d] = steps / geometry.stride().get(d) + 1;
    }
    return InputShape.of(output);
  }

  /**
   * The network without the stem.
   *
   * @return scores chunks [B, O, Ho, Wo] of what the stem puts out, float32 and channels-last, as
   *     the whole network scores the inputs that they are of; may work in place on them
   */
  public Scorer rest() {
    return rest;
  }

  /** Frees all, once nobody runs it. */
  void close() {
    rest.close();
  }
}
