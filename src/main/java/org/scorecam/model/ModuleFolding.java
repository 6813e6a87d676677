package org.scorecam.model;

import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.graph.Activation;
import org.scorecam.graph.BatchNorm;
import org.scorecam.graph.BoundedConvolution;
import org.scorecam.graph.InvertedResidual;
import org.scorecam.graph.NormAsBounds;
import org.scorecam.graph.PackedConvolution;
import org.scorecam.graph.PackedLayer;
import org.scorecam.graph.PackedLinear;
import org.scorecam.graph.SqueezeExcitation;
import org.scorecam.graph.StandIn;
import org.scorecam.nn.Interceptor;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * A network's modules as a scorer wants them: each convolution with the batch norm that follows it;
 * where weights are packed, each convolution and linear layer with the activation that follows; and
 * all in the scorer's precision.
 *
 * <p>The network itself is not changed: others stand in for its modules while the scorer runs.
 */
final class ModuleFolding implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(ModuleFolding.class.getName());

  /** Stands in for what a later convolution computes as well. */
  private static final StandIn PASSING_ON =
      new StandIn() {
        @Override
        public Tensor forward(Tensor input) {
          return input;
        }

        @Override
        public void close() {
          // Nothing is held.
        }
      };

  private final Map<Submodule, StandIn> standIns = new HashMap<>();

  /** Batch norms that are part of a convolution. */
  private final Set<Submodule> foldedAway = new HashSet<>();

  /** What layers do with their output themselves. */
  private final Map<Submodule, Activation> activationOf = new HashMap<>();

  private ModuleFolding() {}

  /**
   * Sees in one pass what follows what, and folds. Where a second pass gives another output, as it
   * does if something else reads a convolution's output, less is folded: no convolutions together
   * or with a norm before them, and then every module by itself.
   *
   * @param sample an input float32 [1, C, H, W]
   */
  static ModuleFolding of(Network network, Tensor sample, NetworkScorer.Kind kind) {
    try (NativeScope scope = NativeScope.open()) {
      ModuleSequence sequence = new ModuleSequence();
      Tensor plain = sequence.during(() -> network.call(sample.clone()));
      Tensor chunk = Tensors.inFormat(sample.to(kind.precision().dtype()), kind.memoryFormat());
      ModuleFolding folding = new ModuleFolding();
      try {
        folding.fold(sequence, kind);
        if ((folding.runsSomeTogether() || !sequence.normBefore.isEmpty())
            && !folding.agreesWithoutFailing(plain, network, chunk, kind)) {
          folding.close();
          sequence.next.clear();
          sequence.normBefore.clear();
          folding.fold(sequence, kind);
        }
        if (!folding.agrees(plain, network, chunk, kind)) {
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

  private boolean agrees(Tensor plain, Network network, Tensor chunk, NetworkScorer.Kind kind) {
    Tensor folded = forOneRun().during(() -> network.call(chunk.clone()));
    return OutputAgreement.of(plain, folded.to(ScalarType.Float), kind.precision());
  }

  /**
   * What lies between convolutions that run together has other shapes than a network may expect.
   */
  private boolean agreesWithoutFailing(
      Tensor plain, Network network, Tensor chunk, NetworkScorer.Kind kind) {
    try {
      return agrees(plain, network, chunk, kind);
    } catch (RuntimeException e) {
      LOG.log(System.Logger.Level.DEBUG, "convolutions that cannot run together", e);
      return false;
    }
  }

  private boolean runsSomeTogether() {
    return standIns.containsValue(PASSING_ON);
  }

  private static boolean isReduced(NetworkScorer.Kind kind) {
    return kind.precision().dtype() != ScalarType.Float;
  }

  private void fold(ModuleSequence sequence, NetworkScorer.Kind kind) {
    foldedAway.addAll(sequence.convolutionOf.keySet());
    Map<Submodule, Submodule> batchNormOf = new HashMap<>();
    sequence.convolutionOf.forEach((norm, convolution) -> batchNormOf.put(convolution, norm));
    Map<Submodule, PackedConvolution> convolutions = new LinkedHashMap<>();
    Map<Submodule, PackedLayer> layers = new LinkedHashMap<>();
    for (Submodule module : sequence.seen) {
      Module plain = module.module();
      if (ModuleTypes.isConvolution(module)) {
        Submodule after = batchNormOf.get(module);
        PackedConvolution convolution =
            FoldedConvolution.of(
                plain.asConv2d(),
                after == null ? null : after.module().asBatchNorm2d(),
                sequence.inputSizes.get(module),
                kind);
        Submodule before = sequence.normBefore.get(module);
        if (kind.packed() && before != null && NormAsBounds.fits(convolution)) {
          NormAsBounds norm = NormAsBounds.of(BatchNorm.of(before.module().asBatchNorm2d()));
          activationOf.put(before, Activation.RELU);
          convolution = norm.into(convolution);
          if (BoundedConvolution.fits(convolution) && sequence.isBeforeOne(before)) {
            standIns.put(before, PASSING_ON);
            layers.put(module, new BoundedConvolution(convolution, norm, false));
            continue;
          }
          standIns.computeIfAbsent(before, absent -> norm.operator());
        }
        convolutions.put(module, convolution);
        layers.put(module, convolution);
      } else if (kind.packed() && sequence.inputSizes.containsKey(module)) {
        layers.put(module, linear(plain.asLinear(), sequence.inputSizes.get(module), kind));
      } else if (isReduced(kind)) {
        reduce(module, kind.precision().dtype());
      }
    }
    if (kind.packed()) {
      layers
          .keySet()
          .forEach(
              module ->
                  activationOf.put(
                      module, sequence.activationOf.getOrDefault(module, Activation.NONE)));
      convolutions.keySet().forEach(first -> putTogether(first, sequence, convolutions));
    }
    layers.forEach(
        (module, layer) ->
            standIns.computeIfAbsent(
                module,
                absent ->
                    kind.packed()
                        ? packed(layer, activationOf.get(module))
                        : convolutions.get(module).plain()));
  }

  private static PackedLinear linear(
      LinearImpl linear, List<Long> inputSize, NetworkScorer.Kind kind) {
    ScalarType dtype = kind.precision().dtype();
    Tensor bias = linear.bias();
    return new PackedLinear(
        linear.weight().to(dtype), bias.defined() ? bias.to(dtype) : bias, inputSize);
  }

  private void reduce(Submodule module, ScalarType dtype) {
    Module plain = module.module();
    if (ModuleTypes.isBatchNorm(module) && !foldedAway.contains(module)) {
      standIns.put(module, ReducedModule.of(plain.asBatchNorm2d(), dtype));
    } else if (ModuleTypes.isLayerNorm(module)) {
      standIns.put(module, ReducedModule.of(plain.asLayerNorm(), dtype));
    } else if (ModuleTypes.isLinear(module)) {
      standIns.put(module, ReducedModule.of(plain.asLinear(), dtype));
    }
  }

  private static StandIn packed(PackedLayer layer, Activation activation) {
    return layer.takesIn(activation, false)
        ? layer.operator(false, activation)
        : then(activation, layer.operator(false, Activation.NONE));
  }

  private static StandIn then(Activation activation, StandIn layer) {
    return new StandIn() {
      @Override
      public Tensor forward(Tensor input) {
        return activation.applyTo(layer.forward(input));
      }

      @Override
      public void close() {
        layer.close();
      }
    };
  }

  /** Has the last convolution of an inverted residual do the work of all of them. */
  private void putTogether(
      Submodule first, ModuleSequence sequence, Map<Submodule, PackedConvolution> convolutions) {
    if (standIns.containsKey(first)) {
      return; // Part of the one before.
    }
    List<Submodule> successive = sequence.successionFrom(first);
    List<InvertedResidual.Step> steps =
        successive.stream()
            .map(
                module ->
                    new InvertedResidual.Step(
                        convolutions.get(module),
                        activationOf.get(module),
                        squeeze(sequence.squeezeAfter.get(module), convolutions)))
            .toList();
    InvertedResidual.startOf(steps, found -> true)
        .ifPresent(
            found -> {
              for (Submodule each : successive.subList(0, found.size() - 1)) {
                standIns.put(each, PASSING_ON);
                SqueezeCalls.Convolutions squeeze = sequence.squeezeAfter.get(each);
                if (squeeze != null) {
                  squeeze.all().forEach(module -> standIns.put(module, PASSING_ON));
                }
              }
              standIns.put(successive.get(found.size() - 1), found.operator(false));
            });
  }

  private SqueezeExcitation squeeze(
      SqueezeCalls.Convolutions found, Map<Submodule, PackedConvolution> convolutions) {
    return found == null
        ? null
        : new SqueezeExcitation(
            convolutions.get(found.squeeze()),
            activationOf.get(found.squeeze()),
            convolutions.get(found.excite()),
            activationOf.get(found.excite()));
  }

  /** What calls the stand-ins; for one run by one thread. */
  Interceptor forOneRun() {
    return new Interceptor() {
      /** What the last layer put out, and has done with it. */
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

  @Override
  public void close() {
    standIns.values().forEach(StandIn::close);
    standIns.clear();
    foldedAway.clear();
    activationOf.clear();
  }
}
