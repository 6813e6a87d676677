package org.scorecam.model;

import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.BatchNorm2dImpl;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.LayerNormImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.graph.Activation;
import org.scorecam.graph.ConvolutionInputs;
import org.scorecam.graph.StandIn;
import org.scorecam.nn.Interceptor;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * A network's modules as a scorer wants them: each convolution with the batch norm and, where
 * weights are packed, the activation that follow it; and all in the scorer's precision.
 *
 * <p>The network itself is not changed: others stand in for its modules while the scorer runs.
 */
final class ModuleFolding implements AutoCloseable {
  private final Map<Submodule, StandIn> standIns = new HashMap<>();

  /** Batch norms that are part of a convolution. */
  private final Set<Submodule> foldedAway = new HashSet<>();

  /** What convolutions do with their output themselves. */
  private final Map<Submodule, Activation> activationOf = new HashMap<>();

  private ModuleFolding() {}

  /**
   * Sees in one pass what follows what, and folds. Where a second pass gives another output, as it
   * does if something else reads a convolution's output, every module stays by itself.
   *
   * @param sample an input float32 [1, C, H, W]
   */
  static ModuleFolding of(Network network, Tensor sample, NetworkScorer.Kind kind) {
    try (NativeScope scope = NativeScope.open()) {
      Sequence sequence = new Sequence();
      Tensor plain = sequence.during(() -> network.call(sample.clone()));
      Tensor chunk = Tensors.inFormat(sample.to(kind.precision().dtype()), kind.memoryFormat());
      ModuleFolding folding = new ModuleFolding();
      try {
        folding.fold(sequence, kind);
        Tensor folded = folding.forOneRun().during(() -> network.call(chunk));
        if (!OutputAgreement.of(plain, folded.to(ScalarType.Float), kind.precision())) {
          folding.close();
          if (isReduced(kind)) {
            folding.fold(sequence.withoutFollowers(), kind);
          }
        }
        return folding;
      } catch (RuntimeException | Error e) {
        folding.close();
        throw e;
      }
    }
  }

  private static boolean isReduced(NetworkScorer.Kind kind) {
    return kind.precision().dtype() != ScalarType.Float;
  }

  private void fold(Sequence sequence, NetworkScorer.Kind kind) {
    foldedAway.addAll(sequence.convolutionOf.keySet());
    Map<Submodule, Submodule> batchNormOf = new HashMap<>();
    sequence.convolutionOf.forEach((norm, convolution) -> batchNormOf.put(convolution, norm));
    for (Submodule module : sequence.seen) {
      Module plain = module.module();
      Submodule norm = batchNormOf.get(module);
      Activation activation =
          kind.packed()
              ? sequence.activationOf.getOrDefault(module, Activation.NONE)
              : Activation.NONE;
      if (isConvolution(module)) {
        standIns.put(
            module,
            FoldedConvolution.of(
                plain.asConv2d(),
                norm == null ? null : norm.module().asBatchNorm2d(),
                activation,
                sequence.inputSizes.get(module),
                kind));
        activationOf.put(module, activation);
      } else if (isReduced(kind)) {
        if (isBatchNorm(module) && !foldedAway.contains(module)) {
          standIns.put(module, ReducedModule.of(plain.asBatchNorm2d(), kind.precision().dtype()));
        } else if (isLayerNorm(module)) {
          standIns.put(module, ReducedModule.of(plain.asLayerNorm(), kind.precision().dtype()));
        } else if (isLinear(module)) {
          standIns.put(module, ReducedModule.of(plain.asLinear(), kind.precision().dtype()));
        }
      }
    }
  }

  /** What calls the stand-ins; for one run by one thread. */
  Interceptor forOneRun() {
    return new Interceptor() {
      /** What the last convolution put out, and has done with it. */
      private Tensor last;

      private Activation done = Activation.NONE;

      @Override
      public Tensor call(Submodule module, Tensor input, UnaryOperator<Tensor> forward) {
        StandIn standIn = standIns.get(module);
        if (standIn != null) {
          Tensor output = standIn.forward(input);
          done = activationOf.getOrDefault(module, Activation.NONE);
          last = done == Activation.NONE ? null : output;
          return output;
        }
        boolean isDone =
            foldedAway.contains(module) || (input.equals(last) && Activation.of(module) == done);
        return isDone ? input : forward.apply(input);
      }
    };
  }

  /**
   * Notes each batch norm and activation whose input is the very tensor that a convolution just put
   * out.
   */
  private static final class Sequence implements Interceptor {
    final Set<Submodule> seen = new HashSet<>();
    final Map<Submodule, Submodule> convolutionOf = new HashMap<>();

    /** What convolutions are given in a chunk. */
    final Map<Submodule, List<Long>> inputSizes = new HashMap<>();

    final Map<Submodule, Activation> activationOf = new HashMap<>();

    /** By identity: the very object that one module returned and the next was given. */
    private final IdentityHashMap<Tensor, Origin> origins = new IdentityHashMap<>();

    private final Map<Submodule, Integer> calls = new HashMap<>();

    /** The same modules, none of them part of another. */
    Sequence withoutFollowers() {
      Sequence separate = new Sequence();
      separate.seen.addAll(seen);
      separate.inputSizes.putAll(inputSizes);
      return separate;
    }

    /** The convolution that a tensor is from; another version has been written to in place. */
    private record Origin(Submodule convolution, long version) {}

    @Override
    public Tensor call(Submodule module, Tensor input, UnaryOperator<Tensor> forward) {
      seen.add(module);
      Origin origin = origins.get(input);
      boolean untouched = origin != null && origin.version == input._version();
      Submodule producer = untouched ? origin.convolution : null;
      Tensor output = forward.apply(input);
      boolean onlyCall = calls.merge(module, 1, Integer::sum) == 1;
      if (isConvolution(module)) {
        origins.put(output, new Origin(module, output._version()));
        inputSizes.put(module, ConvolutionInputs.inChunk(1, input.shape()));
      }
      Activation activation = Activation.of(module);
      if (activation != Activation.NONE) {
        if (producer != null && calls.get(producer) == 1) {
          activationOf.put(producer, activation);
        }
      } else if (producer != null
          && isBatchNorm(module)
          && onlyCall
          && calls.get(producer) == 1
          && !convolutionOf.containsValue(producer)) {
        convolutionOf.put(module, producer);
        origins.put(output, new Origin(producer, output._version()));
      } else {
        convolutionOf.remove(module);
        convolutionOf.values().removeIf(module::equals);
        activationOf.remove(module);
      }
      return output;
    }
  }

  private static boolean isConvolution(Submodule module) {
    Conv2dImpl convolution = module.module().asConv2d();
    return convolution != null && !convolution.isNull() && FoldedConvolution.fits(convolution);
  }

  private static boolean isBatchNorm(Submodule module) {
    BatchNorm2dImpl batchNorm = module.module().asBatchNorm2d();
    return batchNorm != null && !batchNorm.isNull();
  }

  static boolean isLayerNorm(Submodule module) {
    LayerNormImpl layerNorm = module.module().asLayerNorm();
    return layerNorm != null && !layerNorm.isNull();
  }

  private static boolean isLinear(Submodule module) {
    LinearImpl linear = module.module().asLinear();
    return linear != null && !linear.isNull();
  }

  @Override
  public void close() {
    standIns.values().forEach(StandIn::close);
    standIns.clear();
    foldedAway.clear();
    activationOf.clear();
  }
}
