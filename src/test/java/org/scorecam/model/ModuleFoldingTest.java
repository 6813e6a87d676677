package org.scorecam.model;

import static java.util.stream.Collectors.toSet;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.Conv2dOptions;
import org.bytedeco.pytorch.ConvTranspose2dImpl;
import org.bytedeco.pytorch.GELUImpl;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.IdentityImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.ReLUImpl;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.SigmoidImpl;
import org.bytedeco.pytorch.StringTensorDict;
import org.bytedeco.pytorch.TanhImpl;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.error.PrecisionException;
import org.scorecam.kernel.Winograd;
import org.scorecam.nn.Activations;
import org.scorecam.nn.Interceptor;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;
import org.scorecam.nn.TestNetworks;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.zoo.Zoo;
import org.scorecam.zoo.ZooOptions;

/** Which modules a scorer still computes by themselves, and that it computes what they do. */
class ModuleFoldingTest {
  private static final double TOLERANCE = 1e-4;
  private static final double REDUCED_TOLERANCE = 0.05;

  private static final NetworkScorer.Kind PLAIN =
      NetworkScorer.Kind.plain(Precision.FLOAT32, Device.cpu());
  private static final NetworkScorer.Kind PACKED = PLAIN.withPackedWeights();
  private static final String CAPABILITY = torch.get_cpu_capability().getString();

  private static final NetworkScorer.Kind REDUCED =
      NetworkScorer.Kind.plain(Precision.BFLOAT16, Device.cpu());

  private NativeScope scope;
  private Tensor input;

  @BeforeEach
  void makeInput() {
    scope = NativeScope.open();
    torch.manual_seed(1);
    input = torch.randn(2, 3, 12, 10);
  }

  @AfterEach
  void freeInput() {
    scope.close();
  }

  /** Whether a ReLU works in place does not matter to what it is. */
  private static final class Rectified extends Network {
    private final Submodule stem = child("stem", TestNetworks.conv(3, 32));
    private final Submodule bn1 = child("bn1", TestNetworks.batchNorm(32));
    private final Submodule relu1 = child("relu1", TestNetworks.reluInPlace());
    private final Submodule conv2 = child("conv2", TestNetworks.conv(32, 32));
    private final Submodule relu2 = child("relu2", new ReLUImpl());
    private final Submodule conv3 = child("conv3", TestNetworks.conv(32, 32));
    private final Submodule bn3 = child("bn3", TestNetworks.batchNorm(32));
    private final Submodule fc = child("fc", new LinearImpl(32, 5));

    @Override
    public Tensor forward(Tensor x) {
      Tensor y = sequence(x, stem, bn1, relu1, conv2, relu2, conv3, bn3);
      return fc.forward(y.mean(2, 3));
    }
  }

  /** Adds in place between convolution and ReLU, so that the ReLU sees the same object. */
  private static final class Residual extends Network {
    private final Submodule stem = child("stem", TestNetworks.conv(3, 32));
    private final Submodule conv = child("conv", TestNetworks.conv(32, 32));
    private final Submodule relu = child("relu", new ReLUImpl());

    @Override
    public Tensor forward(Tensor x) {
      Tensor stemmed = stem.forward(x);
      Tensor y = conv.forward(stemmed);
      y.add_(stemmed);
      return relu.forward(y).mean(2, 3);
    }
  }

  /** Reads a convolution's output beside the ReLU after it. */
  private static final class TappedRelu extends Network {
    private final Submodule conv = child("conv", TestNetworks.conv(3, 8));
    private final Submodule relu = child("relu", new ReLUImpl());

    @Override
    public Tensor forward(Tensor x) {
      Tensor y = conv.forward(x);
      return relu.forward(y).add(y).mean(2, 3);
    }
  }

  /** In a block of its own, a convolution by Winograd's filtering, which knows no SiLU. */
  private static final class Swished extends Network {
    private final Submodule block = child("block", new Block());

    @Override
    public Tensor forward(Tensor x) {
      return block.forward(x).mean(2, 3);
    }

    private static final class Block extends Network {
      private final Submodule stem = child("stem", TestNetworks.conv(3, 32));
      private final Submodule conv = child("conv", TestNetworks.conv(32, 32));
      private final Submodule silu = child("silu", new Activations.SiLU());

      @Override
      public Tensor forward(Tensor x) {
        return sequence(x, stem, conv, silu);
      }
    }
  }

  /** One number for each image. */
  private static final class OneOutput extends Network {
    private final Submodule conv = child("conv", TestNetworks.conv(3, 8));
    private final Submodule bn = child("bn", TestNetworks.batchNorm(8));
    private final Submodule relu = child("relu", new ReLUImpl());
    private final Submodule fc = child("fc", new LinearImpl(8, 1));

    @Override
    public Tensor forward(Tensor x) {
      return fc.forward(sequence(x, conv, bn, relu).mean(2, 3));
    }
  }

  /** Begins with a batch norm, which belongs to no convolution. */
  private static final class NormFirst extends Network {
    private final Submodule bn = child("bn", TestNetworks.batchNorm(3));
    private final Submodule conv = child("conv", TestNetworks.conv(3, 8));

    @Override
    public Tensor forward(Tensor x) {
      return conv.forward(bn.forward(x)).mean(2, 3);
    }
  }

  /** Has parameters that nothing stands in for. */
  private static final class Transposed extends Network {
    private final Submodule conv = child("conv", TestNetworks.conv(3, 8));
    private final Submodule up = child("up", new ConvTranspose2dImpl(8, 8, new LongPointer(3, 3)));

    @Override
    public Tensor forward(Tensor x) {
      return up.forward(conv.forward(x)).mean(2, 3);
    }
  }

  /** A network whose batch norms are not the identity. */
  private <N extends Network> N ready(N network) {
    StringTensorDict buffers = scope.keep(network).named_buffers();
    for (long i = 0; i < buffers.size(); i++) {
      if (buffers.get(i).value().is_floating_point()) {
        buffers.get(i).value().uniform_(0.5, 1.5, new GeneratorOptional());
      }
    }
    network.eval();
    return network;
  }

  /** The modules that compute by themselves; the output must be the network's own. */
  private List<String> computing(Network network, NetworkScorer.Kind kind) {
    Tensor plain = network.call(input.clone());
    Tensor sample = ProbeInput.of(Device.cpu(), 1, 3, input.size(2), input.size(3));
    List<String> computing = new ArrayList<>();
    Map<String, Submodule> submodules = network.submodules();
    try (ModuleFolding folding = ModuleFolding.of(network, sample, kind)) {
      Interceptor run = folding.forOneRun();
      Interceptor watching =
          (module, x, forward) ->
              run.call(
                  module,
                  x,
                  y -> {
                    submodules.forEach(
                        (path, each) -> {
                          if (each == module && isLeaf(path, submodules)) {
                            computing.add(path);
                          }
                        });
                    return forward.apply(y);
                  });
      Tensor chunk = input.to(kind.precision().dtype()).contiguous(kind.memoryFormat());
      Tensor scored = watching.during(() -> network.call(chunk));
      assertEquals(kind.precision().dtype(), scored.scalar_type().intern());
      boolean exact = scored.scalar_type().intern() == ScalarType.Float;
      double error = scored.to(ScalarType.Float).sub(plain).abs().max().item_double();
      double largest = plain.abs().max().item_double();
      assertTrue(
          error <= (exact ? TOLERANCE : REDUCED_TOLERANCE) * largest, error + " of " + largest);
    }
    return computing;
  }

  /** As {@link #computing}; where the processor cannot pack reduced weights, that it is refused. */
  private void assertComputing(List<String> expected, Network network, NetworkScorer.Kind kind) {
    if (isPossible(kind)) {
      assertEquals(expected, computing(network, kind));
    } else {
      String message =
          assertThrows(RuntimeException.class, () -> computing(network, kind)).getMessage();
      assertTrue(message.contains("bf16 path needs the cpu support"), message);
    }
  }

  private static boolean isPossible(NetworkScorer.Kind kind) {
    return !kind.equals(REDUCED.withPackedWeights()) || CAPABILITY.equals("AVX512");
  }

  private static boolean isLeaf(String path, Map<String, Submodule> submodules) {
    return submodules.keySet().stream().noneMatch(other -> other.startsWith(path + "."));
  }

  @Test
  void whatFollowsAConvolutionIsPartOfIt() {
    try (Rectified network = ready(new Rectified())) {
      assertEquals(List.of("relu1", "relu2", "fc"), computing(network, PLAIN));
      assertEquals(List.of(), computing(network, PACKED));
      assertEquals(List.of("relu1", "relu2"), computing(network, REDUCED));
      assertComputing(List.of(), network, REDUCED.withPackedWeights());
    }
  }

  @Test
  void aReluAfterASumInPlaceIsNotTakenForTheConvolutions() {
    try (Residual network = ready(new Residual())) {
      for (NetworkScorer.Kind kind : List.of(PLAIN, PACKED, REDUCED, REDUCED.withPackedWeights())) {
        assertComputing(List.of("relu"), network, kind);
      }
    }
    try (TestNetworks.Small network = ready(new TestNetworks.Small())) {
      assertEquals(List.of("layer1.0.relu", "layer1.1.relu"), computing(network, PACKED));
      assertComputing(
          List.of("layer1.0.relu", "layer1.1.relu"), network, REDUCED.withPackedWeights());
    }
  }

  @Test
  void anOutputThatIsReadTwiceIsLeftAsItIs() {
    try (TappedRelu network = ready(new TappedRelu());
        TestNetworks.Tapped normed = ready(new TestNetworks.Tapped())) {
      assertEquals(List.of("conv", "relu"), computing(network, PACKED));
      assertComputing(List.of("relu"), network, REDUCED.withPackedWeights());
      assertEquals(List.of("conv", "bn"), computing(normed, PACKED));
      // Each has its own stand-in.
      assertEquals(List.of(), computing(normed, REDUCED));
    }
  }

  @Test
  void whatBecameOfAnActivationOutlivesTheBlockThatItIsIn() {
    try (Swished network = ready(new Swished())) {
      assertEquals(List.of(), computing(network, PACKED));
    }
  }

  /** An inverted residual; beside it, what is between its convolutions may be looked at. */
  private static final class Inverted extends Network {
    private final boolean lookedAt;
    private final Submodule stem = child("stem", TestNetworks.conv(3, 16));
    private final Submodule expand = child("expand", filter(16, 32, 1, 1));
    private final Submodule bn1 = child("bn1", TestNetworks.batchNorm(32));
    private final Submodule silu1 = child("silu1", new Activations.SiLU());
    private final Submodule filter = child("filter", filter(32, 32, 5, 32));
    private final Submodule bn2 = child("bn2", TestNetworks.batchNorm(32));
    private final Submodule silu2 = child("silu2", new Activations.SiLU());
    private final Submodule project = child("project", filter(32, 16, 1, 1));
    private final Submodule bn3 = child("bn3", TestNetworks.batchNorm(16));

    Inverted(boolean lookedAt) {
      this.lookedAt = lookedAt;
    }

    private static Conv2dImpl filter(long in, long out, long side, long groups) {
      Conv2dOptions options = new Conv2dOptions(in, out, new LongPointer(side, side));
      options.padding().put(new LongPointer(side / 2, side / 2));
      options.groups().put(groups);
      return new Conv2dImpl(options);
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor stemmed = stem.forward(x);
      Tensor wide = sequence(stemmed, expand, bn1, silu1);
      Tensor y = sequence(wide, filter, bn2, silu2, project, bn3).add(stemmed);
      Tensor means = y.mean(2, 3);
      return lookedAt ? means.add(wide.narrow(1, 16, 16).mean(2, 3)) : means;
    }
  }

  @Test
  void anInvertedResidualIsComputedTogether() {
    try (Inverted network = ready(new Inverted(false))) {
      assertEquals(List.of("silu1", "silu2"), computing(network, PLAIN));
      assertEquals(List.of(), computing(network, PACKED));
    }
  }

  @Test
  void whatIsLookedAtBetweenConvolutionsIsThere() {
    try (Inverted network = ready(new Inverted(true))) {
      // Of what passes between, channels are read that are not there, or other values.
      assertEquals(List.of(), computing(network, PACKED));
    }
  }

  /** Squeeze and excitation, which may divide where it should multiply. */
  private static final class Squeeze extends Network {
    private final boolean divides;
    private final Submodule pool;
    private final Submodule squeeze = child("squeeze", Inverted.filter(32, 4, 1, 1));
    private final Submodule relu = child("relu", new ReLUImpl());
    private final Submodule excite = child("excite", Inverted.filter(4, 32, 1, 1));
    private final Submodule gate;

    Squeeze(boolean divides, Module pool, Module gate) {
      this.divides = divides;
      this.pool = child("pool", pool);
      this.gate = child("gate", gate);
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor scales = sequence(x, pool, squeeze, relu, excite, gate);
      return divides ? x.div(scales) : x.mul(scales);
    }
  }

  /** The mean of the image. */
  private static final class Mean extends Network {
    @Override
    public Tensor forward(Tensor x) {
      return x.mean(new long[] {2, 3}, true, new ScalarTypeOptional());
    }
  }

  private static final class Squeezed extends Network {
    private final Submodule stem = child("stem", TestNetworks.conv(3, 32));
    private final Submodule relu1 = child("relu1", new ReLUImpl());
    private final Submodule filter = child("filter", Inverted.filter(32, 32, 5, 32));
    private final Submodule relu2 = child("relu2", new ReLUImpl());
    private final Submodule scales;
    private final Submodule project = child("project", Inverted.filter(32, 16, 1, 1));
    private final boolean twice;

    Squeezed(Squeeze scales, boolean twice) {
      this.scales = child("scales", scales);
      this.twice = twice;
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor filtered = sequence(x, stem, relu1, filter, relu2);
      Tensor y = project.forward(scales.forward(filtered));
      return twice ? y.add(scales.forward(filtered).narrow(1, 0, 16)).mean(2, 3) : y.mean(2, 3);
    }
  }

  private static final List<String> SCALES = List.of("scales.pool", "scales.relu", "scales.gate");

  @Test
  void squeezeAndExcitationIsComputedWithTheInvertedResidual() {
    for (Module gate : List.of(new SigmoidImpl(), new Activations.Hardsigmoid())) {
      try (Squeezed network = ready(new Squeezed(new Squeeze(false, new Mean(), gate), false))) {
        assertTrue(computing(network, PLAIN).containsAll(SCALES));
        assertEquals(
            Winograd.isAvailable() ? List.of() : List.of("scales.pool"),
            computing(network, PACKED).stream().filter(SCALES::contains).toList());
      }
    }
  }

  @Test
  void whatIsNoSqueezeAndExcitationIsComputedByItself() {
    for (Squeezed other :
        List.of(
            new Squeezed(new Squeeze(true, new Mean(), new SigmoidImpl()), false),
            new Squeezed(new Squeeze(false, new IdentityImpl(), new SigmoidImpl()), false),
            new Squeezed(new Squeeze(false, new Mean(), new TanhImpl()), false),
            new Squeezed(new Squeeze(false, new Mean(), new SigmoidImpl()), true))) {
      try (Squeezed network = ready(other)) {
        assertTrue(computing(network, PACKED).contains("scales.pool"));
      }
    }
  }

  /** Calls a convolution twice, and one after it once. */
  private static final class Repeating extends Network {
    private final Submodule shared = child("shared", TestNetworks.conv(3, 3));
    private final Submodule relu = child("relu", new ReLUImpl());
    private final Submodule filter = child("filter", Inverted.filter(3, 3, 3, 3));
    private final Submodule relu2 = child("relu2", new ReLUImpl());

    @Override
    public Tensor forward(Tensor x) {
      return sequence(x, shared, relu, shared, relu, filter, relu2).mean(2, 3);
    }
  }

  @Test
  void aConvolutionThatIsCalledTwiceIsPackedByItself() {
    try (Repeating network = ready(new Repeating())) {
      assertEquals(List.of("relu", "relu", "relu2"), computing(network, PLAIN));
      // What follows a call need not follow the other.
      assertEquals(List.of("relu", "relu"), computing(network, PACKED));
      assertComputing(List.of("relu", "relu"), network, REDUCED.withPackedWeights());
    }
  }

  /**
   * Linear layers on the last axis, one with an activation after it, the other with a batch norm.
   */
  private static final class Perceptron extends Network {
    private final Submodule fc1 = child("fc1", new LinearImpl(10, 24));
    private final Submodule gelu = child("gelu", new GELUImpl());
    private final Submodule fc2 = child("fc2", new LinearImpl(24, 6));
    private final Submodule bn = child("bn", TestNetworks.batchNorm(3));

    @Override
    public Tensor forward(Tensor x) {
      return sequence(x, fc1, gelu, fc2, bn).mean(2);
    }
  }

  @Test
  void linearLayersTakeTheirActivationsInButNoBatchNorms() {
    try (Perceptron network = ready(new Perceptron())) {
      assertEquals(List.of("fc1", "gelu", "fc2", "bn"), computing(network, PLAIN));
      assertEquals(List.of("bn"), computing(network, PACKED));
      assertEquals(List.of("gelu"), computing(network, REDUCED));
      assertComputing(List.of(), network, REDUCED.withPackedWeights());
    }
  }

  /** Gives a linear layer one vector for all rows. */
  private static final class OneVector extends Network {
    private final Submodule fc = child("fc", new LinearImpl(3, 5));

    @Override
    public Tensor forward(Tensor x) {
      return fc.forward(x.mean(0).mean(2).mean(1));
    }
  }

  @Test
  void aLinearLayerThatIsGivenAVectorIsLeftAsItIs() {
    try (OneVector network = ready(new OneVector())) {
      assertEquals(List.of("fc"), computing(network, PACKED));
      assertEquals(List.of(), computing(network, REDUCED));
    }
  }

  /** A norm and a ReLU before a convolution of 1×1, as in DenseNets, and before one of 3×3. */
  private static final class NormBefore extends Network {
    private final boolean lookedAt;
    private final Submodule norm1 = child("norm1", TestNetworks.batchNorm(3));
    private final Submodule relu1 = child("relu1", TestNetworks.reluInPlace());
    private final Submodule conv1 = child("conv1", Inverted.filter(3, 8, 1, 1));
    private final Submodule norm2 = child("norm2", TestNetworks.batchNorm(11));
    private final Submodule relu2 = child("relu2", new ReLUImpl());
    private final Submodule conv2 = child("conv2", Inverted.filter(11, 4, 3, 1));

    NormBefore(boolean lookedAt) {
      this.lookedAt = lookedAt;
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor rectified = sequence(x, norm1, relu1);
      Tensor grown = torch.cat(new TensorVector(x, conv1.forward(rectified)), 1);
      Tensor means = sequence(grown, norm2, relu2, conv2).mean(2, 3);
      return lookedAt ? means.add(rectified.mean().mul(new Scalar(10))) : means;
    }
  }

  @Test
  void aNormBeforeAConvolutionIsPartOfItButForItsBounds() {
    try (NormBefore network = ready(new NormBefore(false))) {
      assertEquals(List.of("norm1", "relu1", "norm2", "relu2"), computing(network, PLAIN));
      assertEquals(List.of("norm2", "relu2"), computing(network, PACKED));
      assertEquals(List.of("relu1", "relu2"), computing(network, REDUCED));
    }
  }

  /** The same before convolutions of many channels; two of them share one, as in pre-activation. */
  private static final class NormBeforeTwo extends Network {
    private final Submodule norm1 = child("norm1", TestNetworks.batchNorm(3));
    private final Submodule relu1 = child("relu1", TestNetworks.reluInPlace());
    private final Submodule conv1 = child("conv1", Inverted.filter(3, 40, 1, 1));
    private final Submodule norm2 = child("norm2", TestNetworks.batchNorm(43));
    private final Submodule relu2 = child("relu2", new ReLUImpl());
    private final Submodule conv2 = child("conv2", Inverted.filter(43, 32, 1, 1));
    private final Submodule narrow = child("narrow", Inverted.filter(43, 8, 1, 1));

    @Override
    public Tensor forward(Tensor x) {
      Tensor grown = torch.cat(new TensorVector(x, sequence(x, norm1, relu1, conv1)), 1);
      Tensor rectified = sequence(grown, norm2, relu2);
      return conv2.forward(rectified).mean(1).add(narrow.forward(rectified).mean(1));
    }
  }

  @Test
  void aNormBeforeTwoConvolutionsIsPartOfBoth() {
    try (NormBeforeTwo network = ready(new NormBeforeTwo())) {
      assertEquals(List.of(), computing(network, PACKED));
    }
  }

  @Test
  void aNormThatIsReadElsewhereIsLeftAsItIs() {
    try (NormBefore network = ready(new NormBefore(true))) {
      assertEquals(List.of("norm1", "relu1", "norm2", "relu2"), computing(network, PACKED));
    }
  }

  @Test
  void oneOutputIsEnoughToCompare() {
    try (OneOutput network = ready(new OneOutput())) {
      assertEquals(List.of(), computing(network, PACKED));
      assertComputing(List.of(), network, REDUCED.withPackedWeights());
    }
  }

  @Test
  void batchNormsOfTheirOwnAreReducedToo() {
    try (NormFirst network = ready(new NormFirst())) {
      assertEquals(List.of("bn"), computing(network, PACKED));
      assertEquals(List.of(), computing(network, REDUCED));
    }
  }

  @Test
  void aBlackChunkDecidesNothing() {
    Network tapped = scope.keep(new TestNetworks.Tapped());
    tapped.eval();
    try (ModuleModel model = ModuleModel.of(tapped, Device.cpu());
        ModelOutput plain = model.forward(input)) {
      model.scorer().score(torch.zeros(2, 3, 12, 10)).close();
      try (ModelOutput scored = model.scorer().score(input)) {
        Goldens.assertClose(plain.tensor(), scored.tensor(), TOLERANCE);
      }
    }
  }

  @Test
  void aModuleThatCannotBeReducedIsAReasonToRefuse() {
    try (ModuleModel model = ModuleModel.of(ready(new Transposed()), Device.cpu())) {
      model.scorer(Precision.FLOAT32, InputShape.of(3, 12, 10)).score(input).close();
      String message =
          assertThrows(
                  PrecisionException.class,
                  () -> model.scorer(Precision.BFLOAT16, InputShape.of(3, 12, 10)))
              .getMessage();
      assertTrue(message.startsWith("the network cannot be run in bfloat16: "), message);
      assertTrue(
          message.contains("BFloat16Type) and weight type (CPUFloatType) should be the same")
              || message.contains("expected scalar type BFloat16 but found Float"),
          message);
      assertEquals(2, message.lines().count(), message);
      NativeObjects.assertNoneLeftBy(
          () ->
              assertThrows(
                  PrecisionException.class,
                  () -> model.scorer(Precision.BFLOAT16, InputShape.of(3, 12, 10))));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mobilenet_v3_small",
        "mnasnet0_5",
        "shufflenet_v2_x0_5",
        "efficientnet_b0",
        "regnet_y_400mf",
        "convnext_tiny"
      })
  void foldsTheZoo(String name) {
    input = torch.randn(2, 3, 32, 32);
    try (Network network = ready(Zoo.create(name, new ZooOptions(10, 3)))) {
      Set<String> exact = typesOf(network, computing(network, PACKED));
      NetworkScorer.Kind packed = REDUCED.withPackedWeights();
      Set<String> reduced =
          typesOf(network, computing(network, isPossible(packed) ? packed : REDUCED));
      exact.retainAll(Set.of("Conv2d", "BatchNorm2d", "Linear"));
      reduced.retainAll(Set.of("Conv2d", "BatchNorm2d", "LayerNorm", "Linear"));
      assertEquals(Set.of(), exact);
      assertEquals(Set.of(), reduced);
    }
  }

  private static Set<String> typesOf(Network network, List<String> paths) {
    return paths.stream().map(path -> network.submodule(path).type()).collect(toSet());
  }

  @Test
  void foldingLeavesNothingBehind() {
    Network network = ready(new Rectified());
    Network tapped = ready(new TappedRelu());
    Tensor sample = ProbeInput.of(Device.cpu(), 1, 3, 12, 10);
    for (NetworkScorer.Kind kind : List.of(PLAIN, PACKED, REDUCED, REDUCED.withPackedWeights())) {
      NativeObjects.assertNoneLeftBy(
          () -> {
            for (Network each : List.of(network, tapped)) {
              if (isPossible(kind)) {
                ModuleFolding.of(each, sample, kind).close();
              } else {
                assertThrows(RuntimeException.class, () -> ModuleFolding.of(each, sample, kind));
              }
            }
          });
    }
    tapped.close();
    network.close();
  }
}
