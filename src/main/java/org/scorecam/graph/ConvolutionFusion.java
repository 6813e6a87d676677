package org.scorecam.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Block;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Value;

/**
 * Rewrites a frozen network so that each convolution runs on packed weights, and takes the sum and
 * the activation that follow it with it, which saves passes over memory:
 *
 * <pre>
 * conv2d → add_ → relu_     becomes one operator
 * </pre>
 *
 * <p>Only what is certain to be the sole use of a convolution's output is taken, and a sum only
 * where nothing is overwritten between the convolution and it.
 */
public final class ConvolutionFusion {
  /** The convolution, then what is done with its output, up to the value that takes its place. */
  private final List<JitNode> chain = new ArrayList<>();

  private final Value input;
  private Value residual;
  private Activation activation = Activation.NONE;

  private ConvolutionFusion(JitNode convolution) {
    this.input = convolution.input(0);
    chain.add(convolution);
  }

  /**
   * Rewrites {@code forward} in place; it must not have run yet. Needs an open scope.
   *
   * @param frozen a network whose weights are constants, on the CPU
   * @param inputSizes those of convolutions, by the numbers of their outputs, where they are known
   * @return how many convolutions were packed
   */
  public static int in(JitModule frozen, Map<Long, List<Long>> inputSizes) {
    int packed = 0;
    Block program = frozen.get_method("forward").graph().block();
    List<JitNode> convolutions =
        GraphNodes.deepOf(program).stream().filter(ConvolutionFusion::isConvolution).toList();
    for (JitNode node : convolutions) {
      Optional<PackedConvolution> convolution = read(node, inputSizes);
      if (convolution.isPresent()) {
        ConvolutionFusion fusion = new ConvolutionFusion(node);
        fusion.follow(convolution.get());
        fusion.replaceBy(convolution.get());
        packed++;
      }
    }
    GraphNodes.removeUnusedConstants(program); // The weights as they were.
    return packed;
  }

  /** Whether a node may be one that packing knows. */
  static boolean isConvolution(JitNode node) {
    return GraphNodes.kindOf(node).matches("aten::(conv2d|_convolution)");
  }

  /** The convolution of a node, if it is one that packing knows. */
  private static Optional<PackedConvolution> read(JitNode node, Map<Long, List<Long>> inputSizes) {
    boolean traced = GraphNodes.kindOf(node).equals("aten::_convolution");
    Optional<Tensor> weight =
        GraphNodes.constantOf(node.input(1)).filter(IValue::isTensor).map(IValue::toTensor);
    Optional<IValue> bias = GraphNodes.constantOf(node.input(2));
    Optional<List<Long>> stride = longsOf(node.input(3));
    Optional<List<Long>> padding = longsOf(node.input(4));
    Optional<List<Long>> dilation = longsOf(node.input(5));
    Optional<IValue> groups = GraphNodes.constantOf(node.input(traced ? 8 : 6));
    if (weight.isEmpty()
        || weight.get().dim() != 4
        || bias.isEmpty()
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
            weight.get(),
            bias.get().isNone() ? new Tensor() : new Tensor(bias.get().toTensor()),
            new ConvolutionGeometry(
                stride.get(), padding.get(), dilation.get(), groups.get().toInt()),
            inputSizes.getOrDefault(node.output().unique(), List.of())));
  }

  private static Optional<List<Long>> longsOf(Value value) {
    return GraphNodes.constantOf(value)
        .filter(IValue::isIntList)
        .map(IValue::toIntVector)
        .map(longs -> LongStream.of(longs.get()).boxed().toList())
        .filter(longs -> longs.size() == 2);
  }

  /** Extends the chain by a sum and an activation, where they follow. */
  private void follow(PackedConvolution convolution) {
    userOfOutput().filter(this::isSum).filter(this::seesTheSameInput).ifPresent(this::takeSum);
    userOfOutput()
        .ifPresent(
            node -> {
              Activation found = Activation.of(node);
              if (found != Activation.NONE && convolution.takesIn(found, residual != null)) {
                chain.add(node);
                activation = found;
              }
            });
  }

  private JitNode last() {
    return chain.get(chain.size() - 1);
  }

  private Optional<JitNode> userOfOutput() {
    return GraphNodes.onlyUserOf(last().output());
  }

  /** Whether the convolution could as well be computed at a later node: nothing is overwritten. */
  private boolean seesTheSameInput(JitNode later) {
    for (JitNode node = chain.get(0).next(); !node.equals(later); node = node.next()) {
      if (GraphNodes.writes(node)) {
        return false;
      }
    }
    return true;
  }

  private boolean isSum(JitNode node) {
    String kind = GraphNodes.kindOf(node);
    boolean sum = kind.equals("aten::add") || kind.equals("aten::add_");
    if (!sum || !GraphNodes.constantOf(node.input(2)).filter(v -> isOne(v)).isPresent()) {
      return false;
    }
    Value other = otherThan(last().output(), node);
    boolean inPlaceOnOther = kind.equals("aten::add_") && node.input(0).equals(other);
    boolean tensor = other.type().get().str().getString().equals("Tensor");
    return tensor && !inPlaceOnOther && !other.equals(last().output());
  }

  private static boolean isOne(IValue value) {
    return value.isInt() && value.toInt() == 1;
  }

  private void takeSum(JitNode sum) {
    residual = otherThan(last().output(), sum);
    chain.add(sum);
  }

  private static Value otherThan(Value output, JitNode sum) {
    return sum.input(0).equals(output) ? sum.input(1) : sum.input(0);
  }

  private void replaceBy(PackedConvolution convolution) {
    // Where the other summand is known, and is not overwritten yet.
    JitNode place = residual == null ? chain.get(0) : chain.get(1);
    Value result = convolution.insertBefore(place, input, residual, activation);
    last().output().replaceAllUsesWith(result);
    for (int i = chain.size() - 1; i >= 0; i--) {
      chain.get(i).destroy();
    }
  }
}
