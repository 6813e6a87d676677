package org.scorecam.model;

import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.ModelException;
import org.scorecam.error.NativeErrors;
import org.scorecam.graph.ComputedTensors;
import org.scorecam.graph.FixedInputs;
import org.scorecam.graph.GraphNodes;
import org.scorecam.graph.LayerFusion;
import org.scorecam.graph.LayerInputs;
import org.scorecam.graph.OutputType;
import org.scorecam.runtime.NativeScope;

/**
 * A frozen copy of a TorchScript network: parameters are constants in the scorer's precision, batch
 * norms are folded, and convolutions and linear layers packed where that is wanted.
 */
final class FrozenScorer extends NetworkScorer {
  private final JitModule frozen;
  private final Kind kind;
  private final OutputType type;
  private final FixedInputs inputs;

  /** Whether weights are still to be packed, which takes the shape of a chunk. */
  private volatile boolean unpacked;

  /** Nothing before weights are packed. */
  private volatile Optional<Stem> stem = Optional.empty();

  private FrozenScorer(JitModule frozen, Kind kind, FixedInputs inputs) {
    super(kind);
    this.frozen = frozen;
    this.kind = kind;
    this.type = OutputType.of(frozen.get_method("forward").graph());
    this.inputs = inputs;
    this.unpacked = kind.packed();
  }

  /**
   * Freezes a copy; the module itself stays as it is, and the inputs must stay open.
   *
   * @throws ModelException if it cannot be frozen
   */
  static FrozenScorer of(JitModule module, Kind kind, FixedInputs inputs) {
    try (NativeScope scope = NativeScope.open()) {
      JitModule frozen =
          NativeErrors.translate(
              () -> prepared(module, kind),
              (words, e) ->
                  new ModelException(
                      "the network cannot be prepared for scoring.\nLibTorch says: " + words, e));
      return new FrozenScorer(scope.keep(frozen), kind, inputs);
    }
  }

  private static JitModule prepared(JitModule module, Kind kind) {
    JitModule frozen = torch.freeze(module);
    GraphNodes.removeWarnings(frozen.get_method("forward").graph().block());
    // After freezing, so that batch norms are folded in float32.
    if (kind.precision().dtype() != ScalarType.Float) {
      convertConstants(frozen, kind.precision().dtype());
    }
    return frozen;
  }

  private static void convertConstants(JitModule frozen, ScalarType dtype) {
    Symbol value = Symbol.fromQualString("attr::value");
    for (JitNode node : GraphNodes.deepOf(frozen.get_method("forward").graph().block())) {
      if (GraphNodes.kindOf(node).equals("prim::Constant") && isFloat32(node)) {
        Tensor converted = node.t(value).to(dtype);
        node.t_(value, converted);
        node.output().inferTypeFrom(converted);
      }
    }
  }

  private static boolean isFloat32(JitNode constant) {
    return GraphNodes.constantOf(constant.output())
        .filter(IValue::isTensor)
        .filter(tensor -> tensor.toTensor().scalar_type().intern() == ScalarType.Float)
        .isPresent();
  }

  private synchronized void packFor(Tensor chunk) {
    if (unpacked) {
      LayerFusion.in(frozen, LayerInputs.of(frozen, inputs, chunk.clone()));
      if (dtype() == ScalarType.Float) {
        stem = Stem.of(frozen, kind, inputs);
      }
      unpacked = false;
    }
  }

  @Override
  ModelOutput run(Tensor chunk) {
    if (unpacked) {
      packFor(chunk);
    }
    return ModelOutput.of(frozen.forward(inputs.with(chunk)), type);
  }

  @Override
  public Optional<Stem> stem() {
    return stem;
  }

  @Override
  Optional<FrozenScorer> program() {
    return kind.packed() && !unpacked && dtype() == ScalarType.Float
        ? Optional.of(this)
        : Optional.empty();
  }

  /** The sizes of the {@linkplain ComputedTensors tensors that are computed} of a chunk. */
  List<List<Long>> sizesOfComputed(Tensor chunk) {
    return ComputedTensors.sizes(frozen, inputs, chunk);
  }

  /**
   * The same program returning some of what it computes, as the tuple of a {@link HookedGraph};
   * owned by the caller, and over the weights of this scorer, which must stay open.
   */
  HookedFunction returning(List<Integer> places) {
    try (NativeScope scope = NativeScope.open()) {
      return HookedFunction.of(frozen, ComputedTensors.returning(frozen, places), inputs);
    }
  }

  @Override
  void free() {
    stem.ifPresent(Stem::close);
    frozen.close();
  }
}
