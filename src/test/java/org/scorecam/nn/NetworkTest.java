package org.scorecam.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.GRUImpl;
import org.bytedeco.pytorch.InputArchive;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.OutputArchive;
import org.bytedeco.pytorch.ReLUImpl;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.SequentialImpl;
import org.bytedeco.pytorch.StringTensorDict;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.NativeObjects;
import org.scorecam.error.ModelException;
import org.scorecam.nn.TestNetworks.Log;
import org.scorecam.nn.TestNetworks.Small;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Networks written in Java stay networks of LibTorch. */
class NetworkTest {
  @TempDir Path folder;

  @Test
  void parametersAndModulesHaveTheirNames() {
    try (Small network = new Small();
        NativeScope scope = NativeScope.open()) {
      List<String> names = namesOf(network.named_parameters());
      assertEquals(
          List.of("stem.0.weight", "stem.1.weight", "stem.1.bias", "layer1.0.conv1.weight"),
          names.subList(0, 4));
      assertTrue(names.contains("layer1.1.bn2.bias"), names.toString());
      assertEquals("fc.bias", names.get(names.size() - 1));
      assertTrue(namesOf(network.named_buffers()).contains("layer1.0.bn1.running_var"));
      assertEquals(
          List.of("stem", "stem.0", "stem.1", "stem.2", "layer1", "layer1.0", "layer1.0.conv1"),
          List.copyOf(network.submodules().keySet()).subList(0, 7));
    }
  }

  @Test
  void savesAndLoads() {
    try (Small saved = new Small();
        Small loaded = new Small();
        NativeScope scope = NativeScope.open()) {
      saved.eval();
      loaded.eval();
      Tensor input = torch.randn(1, 3, 5, 5);
      float[] expected = Tensors.toArray(saved.call(input));
      copy(saved, loaded);
      assertArrayEquals(expected, Tensors.toArray(loaded.call(input)));
    }
  }

  /** By LibTorch's archives; needs an open scope. */
  private void copy(Network from, Network to) {
    String file = folder.resolve("network.pt").toString();
    OutputArchive output = new OutputArchive();
    from.save(output);
    output.save_to(file);
    InputArchive archive = new InputArchive();
    archive.load_from(file);
    to.load(archive);
  }

  @Test
  void evaluationModeReachesEveryChild() {
    try (Small network = new Small()) {
      network.eval();
      network
          .submodules()
          .forEach((path, submodule) -> assertFalse(submodule.module().is_training(), path));
    }
  }

  /** Ends with a function of the presets whose result is another object for the same tensor. */
  private static final class EndsInPlace extends Network {
    private final Submodule block = child("block", new Block());

    @Override
    public Tensor forward(Tensor x) {
      return block.forward(x).add(new Scalar(1.0));
    }

    private static final class Block extends Network {
      @Override
      public Tensor forward(Tensor x) {
        return torch.hardswish_(torch.relu6_(x.mul(new Scalar(2.0))));
      }
    }
  }

  @Test
  void whatWasDoneInPlaceIsTheCallers() {
    try (EndsInPlace network = new EndsInPlace();
        NativeScope scope = NativeScope.open()) {
      Tensor result = network.call(torch.tensor(-1.0f, 0.5f, 1.0f, 9.0f));
      // 2x within [0, 6], then y · min(max(y + 3, 0), 6) / 6, and 1.
      assertArrayEquals(
          new float[] {1, 1 + 4f / 6, 1 + 10f / 6, 7}, Tensors.toArray(result), 1e-6f);
    }
    NativeObjects.assertNoneLeftBy(
        () -> {
          try (EndsInPlace network = new EndsInPlace();
              NativeScope scope = NativeScope.open()) {
            network.call(torch.ones(4));
          }
        });
  }

  /** Modules whose forward takes and gives other things than one tensor. */
  private static final class WithGru extends Network {
    WithGru() {
      child("gru", new GRUImpl(3, 4));
    }

    @Override
    public Tensor forward(Tensor input) {
      return input;
    }
  }

  @Test
  void refusesAModuleThatItCannotCall() {
    ModelException error = assertThrows(ModelException.class, WithGru::new);
    assertEquals(
        "child 'gru' is a GRUImpl, and how to call one is not known here;"
            + " register it as child(name, module, x -> …)",
        error.getMessage());
  }

  private static final class OddlyNamed extends Network {
    OddlyNamed(String first, String second) {
      child(first, new ReLUImpl());
      child(second, new ReLUImpl());
    }

    @Override
    public Tensor forward(Tensor input) {
      return input;
    }
  }

  @Test
  void refusesNamesThatLibTorchDoes() {
    ModelException dot = assertThrows(ModelException.class, () -> new OddlyNamed("a", "b.c"));
    assertEquals("a child's name must be neither empty nor contain a dot: 'b.c'", dot.getMessage());
    ModelException twice = assertThrows(ModelException.class, () -> new OddlyNamed("a", "a"));
    assertEquals("the network already has a child 'a'", twice.getMessage());
  }

  /** A module of a kind of its own. */
  private static final class Doubling extends Network {
    private final Submodule doubled = child("doubled", new Module("Doubled"), x -> x.add(x));

    @Override
    public Tensor forward(Tensor input) {
      return doubled.forward(input);
    }
  }

  @Test
  void anyModuleCanBeAChildWithAForwardOfItsOwn() {
    Log log = new Log();
    try (Doubling network = new Doubling();
        NativeScope scope = NativeScope.open()) {
      network.submodule("doubled").registerForwardHook(log.after("hook"));
      assertEquals(6f, network.call(torch.full(new long[] {1}, scalar(3))).item_float());
    }
    assertEquals(List.of("hook"), log.entries);
  }

  private static Scalar scalar(double value) {
    return new Scalar(value);
  }

  @Test
  void namedChildrenOfASequentialCanBeHooked() {
    Log log = new Log();
    try (SequentialNetwork network = new SequentialNetwork(TestNetworks.namedSequential());
        NativeScope scope = NativeScope.open()) {
      assertEquals(List.of("first", "second"), List.copyOf(network.submodules().keySet()));
      network.submodule("second").registerForwardPreHook(log.before("second"));
      network.submodule("first").registerForwardHook(log.after("first"));
      network.call(torch.randn(1, 3));
    }
    assertEquals(List.of("first", "second"), log.entries);
  }

  @Test
  void sequentialAtAnAddressHasHooksAndStaysUsable() {
    SequentialImpl sequential = TestNetworks.sequential();
    sequential.eval();
    Log log = new Log();
    try (NativeScope scope = NativeScope.open();
        SequentialNetwork network = SequentialNetwork.at(new Pointer(sequential))) {
      Tensor input = torch.randn(1, 3, 5, 5);
      float[] expected = Tensors.toArray(sequential.forward(input));
      assertArrayEquals(expected, Tensors.toArray(network.call(input)));
      network.submodule("1").registerForwardHook(log.after("norm"));
      network.call(input);
      assertEquals(List.of("norm"), log.entries);
      assertArrayEquals(expected, Tensors.toArray(sequential.forward(input)));

      network.named_parameters().get("0.weight").zero_();
      assertEquals(
          0f, sequential.named_parameters().get("0.weight").abs().max().item_float(), "shared");
      sequential.close();
      network.call(input);
      assertEquals(2, log.entries.size());
    }
  }

  @Test
  void refusesAnAddressThatIsNoSequential() {
    assertEquals(
        "the pointer to the network is null",
        assertThrows(ModelException.class, () -> SequentialNetwork.at(null)).getMessage());
    try (LinearImpl linear = new LinearImpl(2, 2)) {
      ModelException error =
          assertThrows(ModelException.class, () -> SequentialNetwork.at(new Pointer(linear)));
      assertTrue(error.getMessage().endsWith("is not a torch::nn::Sequential"), error.getMessage());
    }
  }

  @Test
  void childrenOutliveTheScopeTheyWereMadeIn() {
    Small network;
    try (NativeScope scope = NativeScope.open()) {
      network = scope.keep(new Small());
    }
    try (NativeScope scope = NativeScope.open()) {
      assertEquals("[1, 5]", Tensors.shapeOf(network.call(torch.ones(1, 3, 4, 4))));
    }
    network.close();
  }

  @Test
  void closingGivesTheChildrensMemoryBack() {
    // In a scope, since modules' options are nobody's else.
    for (int i = 0; i < 2; i++) {
      long before = Pointer.totalCount();
      try (NativeScope scope = NativeScope.open()) {
        Network network =
            scope.keep(new SequentialNetwork(TestNetworks.conv(3, 8), new TestNetworks.Block()));
        network.close();
        network.close();
      }
      if (i == 1) {
        assertEquals(before, Pointer.totalCount());
      }
    }
  }

  @Test
  void whatAForwardMakesIsFreedButItsOutput() {
    try (Small network = new Small();
        NativeScope scope = NativeScope.open()) {
      Tensor input = torch.randn(1, 3, 5, 5);
      network.call(input);
      long before = Pointer.totalCount();
      Tensor output = network.call(input);
      assertEquals(before + 1, Pointer.totalCount());
      assertEquals(5, output.numel());
    }
  }

  private static List<String> namesOf(StringTensorDict tensors) {
    List<String> names = new ArrayList<>();
    for (long i = 0; i < tensors.size(); i++) {
      names.add(tensors.get(i).key().getString());
    }
    return names;
  }

  /** A linear layer whose parameters have names of the network's own. */
  private static final class Renamed extends Network {
    private final Submodule projection;

    Renamed() {
      LinearImpl linear = new LinearImpl(4, 3);
      register_parameter("in_weight", linear.weight());
      register_parameter("in_bias", linear.bias());
      projection = part(linear);
    }

    @Override
    public Tensor forward(Tensor x) {
      return projection.forward(x);
    }
  }

  @Test
  void aPartHasTheParametersThatTheNetworkHas() {
    try (Renamed saved = new Renamed();
        Renamed loaded = new Renamed();
        NativeScope scope = NativeScope.open()) {
      assertEquals(List.of("in_weight", "in_bias"), namesOf(saved.named_parameters()));
      assertEquals(0, saved.submodules().size());
      Tensor input = torch.randn(2, 4);
      float[] expected = Tensors.toArray(saved.call(input));
      copy(saved, loaded);
      assertArrayEquals(expected, Tensors.toArray(loaded.call(input)));
      loaded.to(torch.ScalarType.Double, false);
      Tensor inDouble = loaded.call(input.to(torch.ScalarType.Double));
      assertArrayEquals(expected, Tensors.toArray(inDouble.to(torch.ScalarType.Float)), 1e-6f);
    }
  }

  @Test
  void aPartLivesAsLongAsItsNetwork() {
    NativeObjects.assertNoneLeftBy(
        () -> {
          Renamed network;
          try (NativeScope scope = NativeScope.open()) {
            network = scope.keep(new Renamed());
          }
          try (NativeScope scope = NativeScope.open()) {
            assertEquals(3, network.call(torch.randn(1, 4)).size(1));
          }
          network.close();
        });
  }
}
