package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.error.ModelException;
import org.scorecam.error.NativeLibraryException;
import org.scorecam.graph.GraphNodes;
import org.scorecam.kernel.NativeBuild;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;
import org.scorecam.nn.TestNetworks;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.Diagnostics;
import org.scorecam.runtime.NativeScope;
import org.scorecam.zoo.Zoo;
import org.scorecam.zoo.ZooOptions;

/** Which networks can be had as programs, and that these compute what the networks do. */
class TracedNetworkTest {
  private static final double TOLERANCE = 1e-5;

  private static final NetworkScorer.Kind PACKED =
      NetworkScorer.Kind.plain(Precision.FLOAT32, Device.cpu()).withPackedWeights();

  private NativeScope scope;
  private Tensor input;

  @BeforeEach
  void makeInput() {
    NativeBuild.require();
    String version = Diagnostics.collect().facts().get("LibTorch");
    Assumptions.assumeTrue(version.startsWith("2.10."), "not known: the tracer of " + version);
    scope = NativeScope.open();
    torch.manual_seed(1);
    input = torch.randn(2, 3, 12, 10);
  }

  @AfterEach
  void freeInput() {
    if (scope != null) {
      scope.close();
    }
  }

  /** Two convolutions, and in between whatever a test wants. */
  private static final class Between extends Network {
    private final Submodule first = child("first", TestNetworks.conv(3, 32));
    private final Submodule second = child("second", TestNetworks.conv(32, 32));
    private final UnaryOperator<Tensor> between;

    Between(UnaryOperator<Tensor> between) {
      this.between = between;
      eval();
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor y = between.apply(first.forward(x));
      return second.forward(y).add_(y).relu_();
    }
  }

  private static Tensor run(JitModule program, Tensor input) {
    return program.forward(new IValueVector(new IValue(input.clone()))).toTensor();
  }

  private JitModule programOf(Network network) {
    return TracedNetwork.of(network, input.narrow(0, 0, 1).clone());
  }

  private static List<String> operatorsOf(JitModule program) {
    return GraphNodes.deepOf(program.get_method("forward").graph().block()).stream()
        .map(GraphNodes::kindOf)
        .filter(kind -> !kind.startsWith("prim::"))
        .toList();
  }

  @Test
  void whatLiesBetweenModulesIsSeen() {
    Network network = new Between(y -> y.relu_().mul(new Scalar(2.0)));
    JitModule program = programOf(network);
    assertEquals(
        List.of(
            "aten::_convolution",
            "aten::relu_",
            "aten::mul",
            "aten::_convolution",
            "aten::add_",
            "aten::relu_"),
        operatorsOf(torch.freeze(program)));
    Goldens.assertClose(network.call(input.clone()), run(program, input), TOLERANCE);
  }

  @Test
  void theProgramHasTheParametersOfTheNetwork() {
    Network network = new Between(Tensor::relu_);
    JitModule program = programOf(network);
    network.parameters().get(0).data().fill_(new Scalar(0.5));
    Goldens.assertClose(network.call(input.clone()), run(program, input), TOLERANCE);
  }

  @Test
  void noHookIsCalled() {
    AtomicInteger calls = new AtomicInteger();
    Network network = new Between(Tensor::relu_);
    network
        .submodule("first")
        .registerForwardHook(
            (module, given, output) -> {
              calls.incrementAndGet();
              return output;
            });
    programOf(network);
    assertEquals(0, calls.get());
  }

  @Test
  void aNetworkThatDecidesUponNumbersIsNoProgram() {
    UnaryOperator<Tensor> byNumber = y -> y.sum().item_float() > 0 ? y.relu_() : y.neg();
    UnaryOperator<Tensor> byComparison = y -> y.equal(y.abs()) ? y.relu_() : y.neg();
    UnaryOperator<Tensor> byCount = y -> y.mul(new Scalar(y.nonzero().size(0)));
    List<UnaryOperator<Tensor>> deciding = List.of(byNumber, byComparison, byCount);
    List<String> operators = List.of("_local_scalar_dense", "equal", "nonzero");
    for (int i = 0; i < deciding.size(); i++) {
      Network network = new Between(deciding.get(i));
      NativeLibraryException refusal =
          assertThrows(NativeLibraryException.class, () -> programOf(network));
      assertTrue(refusal.getMessage().contains("aten::" + operators.get(i)), refusal.getMessage());
      scoresAsItIs(network, true);
    }
  }

  @Test
  void aNetworkThatComputesWithTensorsOfItsOwnIsNoProgram() {
    Tensor own = torch.rand(32, 1, 1);
    Network network = new Between(y -> y.mul(own));
    ModelException refusal = assertThrows(ModelException.class, () -> programOf(network));
    assertTrue(refusal.getMessage().contains("[32, 1, 1]"), refusal.getMessage());
    scoresAsItIs(network, true);
  }

  /** Adds how often it was called. */
  private static final class Counting extends Network {
    private final Submodule conv = child("conv", TestNetworks.conv(3, 32));
    private final Tensor calls = register_buffer("calls", torch.zeros(1));

    @Override
    public Tensor forward(Tensor x) {
      return conv.forward(x).add(calls.add_(new Scalar(1)));
    }
  }

  @Test
  void aNetworkThatChangesABufferIsNoProgram() {
    Network network = new Counting();
    network.eval();
    ModelException refusal = assertThrows(ModelException.class, () -> programOf(network));
    assertTrue(refusal.getMessage().contains("aten::add_"), refusal.getMessage());
  }

  @Test
  void aNetworkThatReadsTheNumberOfRowsIsScoredByItsModules() {
    Network network = new Between(y -> y.view(y.size(0), 32, -1).relu().view(y.shape()));
    programOf(network);
    scoresAsItIs(network, true);
  }

  @Test
  void whatANetworkThrowsPassesAndLeavesNothingBehind() {
    Network failing =
        new Between(
            y -> {
              throw new IllegalStateException("of the network's");
            });
    for (int i = 0; i < 2; i++) {
      assertEquals(
          "of the network's",
          assertThrows(IllegalStateException.class, () -> programOf(failing)).getMessage());
    }
    scoresAsItIs(new Between(Tensor::relu_), false);
  }

  @Test
  void severalThreadsTraceAtOnce() {
    Network network = new Between(Tensor::relu_);
    Tensor expected = network.call(input.clone());
    IntStream.range(0, 8)
        .parallel()
        .forEach(
            i -> {
              try (NativeScope own = NativeScope.open()) {
                Goldens.assertClose(expected, run(programOf(network), input), TOLERANCE);
              }
            });
  }

  @Test
  void noNativeObjectsAreLeft() {
    Network network = new Between(Tensor::relu_);
    Network deciding = new Between(y -> y.sum().item_float() > 0 ? y.relu_() : y.neg());
    for (Network each : List.of(network, deciding)) {
      NativeObjects.assertNoneLeftBy(
          () -> {
            try (Tensor chunk = input.clone();
                ModuleScorer scorer = new ModuleScorer(each, Device.cpu(), PACKED)) {
              scorer.score(chunk).close();
            }
          });
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"resnet18", "mobilenet_v2", "densenet121", "shufflenet_v2_x1_0"})
  void networksOfTheZooAreScoredAsPrograms(String name) {
    Network network = Zoo.create(name, new ZooOptions(7, 3));
    network.eval();
    input = torch.randn(3, 3, 64, 64);
    scoresAsItIs(network, false);
  }

  /** Scores twice, since TorchScript specialises programs after the first time. */
  private void scoresAsItIs(Network network, boolean byModules) {
    Tensor expected = network.call(input.clone());
    try (ModuleScorer scorer = new ModuleScorer(network, Device.cpu(), PACKED)) {
      for (int i = 0; i < 2; i++) {
        try (ModelOutput output = scorer.score(input.clone())) {
          Goldens.assertClose(expected, output.tensor(), 1e-4);
        }
      }
      assertEquals(byModules, scorer.runsModules());
    }
    assertFalse(expected.isnan().any().item_bool());
  }
}
