package org.scorecam.model;

import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.graph.Activation;
import org.scorecam.graph.InvertedResidual;
import org.scorecam.graph.LayerInputs;
import org.scorecam.graph.PackedLinear;
import org.scorecam.nn.Interceptor;
import org.scorecam.nn.Submodule;

/**
 * What follows what in a pass through a network of modules: notes each batch norm and activation
 * whose input is the very tensor that a layer just put out, and each convolution whose input is
 * what such an activation made of it.
 */
final class ModuleSequence implements Interceptor {
  /** In the order of the calls. */
  final Set<Submodule> seen = new LinkedHashSet<>();

  /** The convolution after a convolution, where each is called once. */
  final Map<Submodule, Submodule> next = new HashMap<>();

  final Map<Submodule, Submodule> convolutionOf = new HashMap<>();

  /** What layers are given in a chunk. */
  final Map<Submodule, List<Long>> inputSizes = new HashMap<>();

  final Map<Submodule, Activation> activationOf = new HashMap<>();

  /** The batch norm whose output a convolution is given by a ReLU, where each is called once. */
  final Map<Submodule, Submodule> normBefore = new HashMap<>();

  /** By the convolution whose activated output they scale. */
  final Map<Submodule, SqueezeCalls.Convolutions> squeezeAfter = new HashMap<>();

  private final SqueezeCalls squeezeCalls = new SqueezeCalls();

  /** What batch norms that are part of no convolution put out, and what ReLUs make of it. */
  private final IdentityHashMap<Tensor, Origin> normed = new IdentityHashMap<>();

  private final IdentityHashMap<Tensor, Origin> rectified = new IdentityHashMap<>();

  /** By identity: the very object that one module returned and the next was given. */
  private final IdentityHashMap<Tensor, Origin> origins = new IdentityHashMap<>();

  /** As origins, what activations put out, and squeeze and excitation of that. */
  private final IdentityHashMap<Tensor, Origin> activated = new IdentityHashMap<>();

  private final Map<Submodule, Integer> calls = new HashMap<>();

  /** The same modules, none of them part of another. */
  ModuleSequence withoutFollowers() {
    ModuleSequence separate = new ModuleSequence();
    separate.seen.addAll(seen);
    separate.inputSizes.putAll(inputSizes);
    return separate;
  }

  /** A convolution and those after it, as many as may run together. */
  List<Submodule> successionFrom(Submodule first) {
    return Stream.iterate(first, Objects::nonNull, this::nextOf)
        .limit(InvertedResidual.MOST_STEPS)
        .toList();
  }

  private Submodule nextOf(Submodule convolution) {
    SqueezeCalls.Convolutions between = squeezeAfter.get(convolution);
    return between == null || between.all().allMatch(each -> calls.get(each) == 1)
        ? next.get(convolution)
        : null;
  }

  /** Whether a norm is before one convolution alone. */
  boolean isBeforeOne(Submodule norm) {
    return normBefore.values().stream().filter(norm::equals).count() == 1;
  }

  /** The layer that a tensor is from; another version has been written to in place. */
  private record Origin(Submodule layer, long version) {
    static Optional<Submodule> in(IdentityHashMap<Tensor, Origin> origins, Tensor tensor) {
      return Optional.ofNullable(origins.get(tensor))
          .filter(origin -> origin.version == tensor._version())
          .map(Origin::layer);
    }
  }

  private static boolean isPacked(Submodule module, List<Long> inputSize) {
    return ModuleTypes.isLinear(module)
        && PackedLinear.takes(module.module().asLinear().weight(), inputSize);
  }

  /** What made a module's input, as known before the module may work in place on it. */
  private record Given(
      Optional<Submodule> producer,
      Optional<Submodule> activated,
      Optional<Submodule> norm,
      Optional<Submodule> rectified) {}

  @Override
  public Tensor call(Submodule module, Tensor input, UnaryOperator<Tensor> forward) {
    seen.add(module);
    Given given =
        new Given(
            Origin.in(origins, input),
            Origin.in(activated, input),
            Origin.in(normed, input),
            Origin.in(rectified, input));
    long callsBefore = squeezeCalls.count();
    Tensor output = forward.apply(input);
    boolean onlyCall = calls.merge(module, 1, Integer::sum) == 1;
    noteLayer(module, given, onlyCall, input, output);
    noteSqueeze(module, given, callsBefore, input, output);
    noteFollower(module, given, onlyCall, output);
    return output;
  }

  private void noteLayer(
      Submodule module, Given given, boolean onlyCall, Tensor input, Tensor output) {
    List<Long> sizes = LayerInputs.inChunk(1, input.shape());
    if (ModuleTypes.isConvolution(module) || isPacked(module, sizes)) {
      origins.put(output, new Origin(module, output._version()));
      inputSizes.put(module, sizes);
    }
    if (!ModuleTypes.isConvolution(module)) {
      return;
    }
    if (onlyCall) {
      given.activated.ifPresent(convolution -> next.put(convolution, module));
      given
          .rectified
          .filter(each -> calls.get(each) == 1)
          .ifPresent(each -> normBefore.put(module, each));
    } else {
      normBefore.remove(module);
      next.remove(module);
      next.values().removeIf(module::equals);
    }
  }

  private void noteSqueeze(
      Submodule module, Given given, long callsBefore, Tensor input, Tensor output) {
    if (squeezeCalls.count() == callsBefore) {
      squeezeCalls.add(module, input, output);
      return;
    }
    given.activated.ifPresent(
        convolution ->
            squeezeCalls
                .in(module, callsBefore, input, output)
                .ifPresent(
                    found -> {
                      squeezeAfter.put(convolution, found);
                      activated.put(output, new Origin(convolution, output._version()));
                    }));
  }

  /** Activations and batch norms, which become part of what they follow if it was called once. */
  private void noteFollower(Submodule module, Given given, boolean onlyCall, Tensor output) {
    Optional<Submodule> producer = given.producer.filter(each -> calls.get(each) == 1);
    Activation activation = Activation.of(module);
    if (activation != Activation.NONE) {
      if (producer.isPresent()) {
        activationOf.put(producer.get(), activation);
        activated.put(output, new Origin(producer.get(), output._version()));
      } else if (activation == Activation.RELU) {
        given.norm.ifPresent(each -> rectified.put(output, new Origin(each, output._version())));
      }
    } else if (onlyCall
        && ModuleTypes.isBatchNorm(module)
        && producer.filter(this::takesNorm).isPresent()) {
      convolutionOf.put(module, producer.get());
      origins.put(output, new Origin(producer.get(), output._version()));
    } else {
      noteOther(module, onlyCall, output);
    }
  }

  private boolean takesNorm(Submodule producer) {
    return ModuleTypes.isConvolution(producer) && !convolutionOf.containsValue(producer);
  }

  private void noteOther(Submodule module, boolean onlyCall, Tensor output) {
    if (ModuleTypes.isBatchNorm(module)
        && module.module().asBatchNorm2d().running_mean().defined()) {
      normed.put(output, new Origin(module, output._version()));
      if (!onlyCall) {
        normBefore.values().removeIf(module::equals);
      }
    }
    convolutionOf.remove(module);
    convolutionOf.values().removeIf(module::equals);
    activationOf.remove(module);
  }
}
