package org.scorecam.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.scorecam.error.LayerException;
import org.scorecam.nn.TestNetworks.Log;
import org.scorecam.nn.TestNetworks.Small;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** What PyTorch promises of forward hooks. */
class ModuleHookTest {
  private Small network;
  private NativeScope scope;
  private Tensor input;

  @BeforeEach
  void makeNetwork() {
    network = new Small();
    network.eval();
    scope = NativeScope.open();
    input = torch.randn(2, 3, 6, 7);
  }

  @AfterEach
  void freeNetwork() {
    scope.close();
    network.close();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "stem            | Sequential        | [2, 8, 6, 7]",
        "stem.0          | Conv2d            | [2, 8, 6, 7]",
        "stem.1          | BatchNorm2d       | [2, 8, 6, 7]",
        "layer1          | SequentialNetwork | [2, 8, 6, 7]",
        "layer1.1        | Block             | [2, 8, 6, 7]",
        "layer1.1.conv2  | Conv2d            | [2, 8, 6, 7]",
        "fc              | Linear            | [2, 5]",
      })
  void hooksFireAtAnyDepth(String path, String type, String shape) {
    List<String> seen = new ArrayList<>();
    try (HookHandle handle =
        network
            .submodule(path)
            .registerForwardHook(
                (module, in, out) -> {
                  seen.add(module.type() + " " + Tensors.shapeOf(out));
                  return null;
                })) {
      network.call(input);
    }
    assertEquals(List.of(type + " " + shape), seen);
  }

  @Test
  void hooksFireAtTheRoot() {
    Log log = new Log();
    network.self().registerForwardHook(log.after("root"));
    network.call(input);
    assertEquals(List.of("root"), log.entries);
  }

  @Test
  void hookSeesInputAndOutput() {
    List<float[]> seen = new ArrayList<>();
    network
        .submodule("fc")
        .registerForwardHook(
            (module, in, out) -> {
              assertSame(network.submodule("fc"), module);
              seen.add(Tensors.toArray(in));
              seen.add(Tensors.toArray(out));
              return null;
            });
    float[] output = Tensors.toArray(network.call(input));
    assertEquals(2 * 8, seen.get(0).length);
    assertArrayEquals(output, seen.get(1));
  }

  @Test
  void severalHooksRunInOrderOfRegistrationPreHooksFirst() {
    Log log = new Log();
    Submodule conv = network.submodule("layer1.0.conv1");
    conv.registerForwardHook(log.after("a"));
    conv.registerForwardPreHook(log.before("p"));
    conv.registerForwardHook(log.after("b"));
    conv.registerForwardPreHook(log.before("q"));
    network.submodule("layer1.0").registerForwardPreHook(log.before("parent before"));
    network.submodule("layer1.0").registerForwardHook(log.after("parent after"));
    network.call(input);
    assertEquals(List.of("parent before", "p", "q", "a", "b", "parent after"), log.entries);
  }

  @Test
  void sameHookMayBeRegisteredTwice() {
    Log log = new Log();
    ModuleHook hook = log.after("hook");
    HookHandle first = network.submodule("fc").registerForwardHook(hook);
    network.submodule("fc").registerForwardHook(hook);
    network.call(input);
    assertEquals(2, log.entries.size());
    first.close();
    network.call(input);
    assertEquals(3, log.entries.size());
  }

  @ParameterizedTest
  @CsvSource({"stem.0", "stem.1", "stem", "layer1.1", "layer1.0", "layer1"})
  void returnedTensorReplacesTheOutput(String path) {
    network
        .submodule(path)
        .registerForwardHook((module, in, out) -> out.mul(new Scalar(0.0)).add_(new Scalar(2.0)));
    float[] seenByTheNext = new float[1];
    network
        .submodule(path)
        .registerForwardHook(
            (module, in, out) -> {
              seenByTheNext[0] = out.max().item_float();
              return null;
            });
    float[] output = Tensors.toArray(network.call(input));
    assertEquals(2f, seenByTheNext[0]);
    for (int c = 0; c < 5; c++) {
      assertEquals(output[c], output[5 + c], 1e-6f, "both images now give the same");
    }
  }

  @Test
  void returnedTensorReplacesTheInput() {
    Tensor zeros = torch.zeros(2, 8);
    List<Tensor> seen = new ArrayList<>();
    network.submodule("fc").registerForwardPreHook((module, in) -> zeros);
    network
        .submodule("fc")
        .registerForwardPreHook(
            (module, in) -> {
              seen.add(scope.keep(in.clone()));
              return null;
            });
    float[] output = Tensors.toArray(network.call(input));
    assertEquals(0f, seen.get(0).abs().max().item_float());
    seen.get(0).close();
    float[] bias = Tensors.toArray(network.named_parameters().get("fc.bias"));
    for (int i = 0; i < output.length; i++) {
      assertEquals(bias[i % 5], output[i]);
    }
  }

  @Test
  void replacementStaysItsOwners() {
    Tensor replacement = torch.ones(2, 8, 6, 7);
    network.submodule("stem.0").registerForwardHook((module, in, out) -> replacement);
    network.submodule("layer1.0").registerForwardHook((module, in, out) -> replacement);
    network.call(input);
    network.call(input);
    assertEquals(2 * 8 * 6 * 7, replacement.numel());
  }

  @Test
  void removedHookIsNotCalled() {
    Log log = new Log();
    HookHandle hook = network.submodule("fc").registerForwardHook(log.after("hook"));
    HookHandle preHook = network.submodule("fc").registerForwardPreHook(log.before("pre"));
    hook.close();
    network.call(input);
    assertEquals(List.of("pre"), log.entries);
    hook.close();
    preHook.close();
    preHook.close();
    network.call(input);
    assertEquals(List.of("pre"), log.entries);
  }

  @Test
  void hookMayRemoveItself() {
    Log log = new Log();
    List<HookHandle> handles = new ArrayList<>();
    handles.add(
        network
            .submodule("fc")
            .registerForwardHook(
                (module, in, out) -> {
                  log.entries.add("once");
                  handles.get(0).close();
                  return null;
                }));
    network.submodule("fc").registerForwardHook(log.after("always"));
    network.call(input);
    network.call(input);
    assertEquals(List.of("once", "always", "always"), log.entries);
  }

  @Test
  void exceptionReachesTheCallerAndLeavesNothingBehind() {
    float[] expected = Tensors.toArray(network.call(input));
    IllegalStateException thrown = new IllegalStateException("no more");
    HookHandle handle =
        network
            .submodule("layer1.1.conv2")
            .registerForwardHook(
                (module, in, out) -> {
                  throw thrown;
                });
    long before = Pointer.totalCount();
    try (NativeScope inner = NativeScope.open()) {
      assertSame(thrown, assertThrows(IllegalStateException.class, () -> network.call(input)));
    }
    assertEquals(before, Pointer.totalCount());
    handle.close();
    assertArrayEquals(expected, Tensors.toArray(network.call(input)));
  }

  @Test
  void hooksFireOnlyWhileAForwardRuns() {
    Log log = new Log();
    network.submodule("layer1").registerForwardHook(log.after("hook"));
    network.named_parameters();
    network.to(torch.ScalarType.Float, false);
    network.eval();
    assertTrue(log.entries.isEmpty());
    network.call(input);
    assertEquals(1, log.entries.size());
  }

  @Test
  void passWithHooksComputesTheSame() {
    float[] expected = Tensors.toArray(network.call(input));
    network.submodules().values().forEach(m -> m.registerForwardHook((module, in, out) -> null));
    network.submodules().values().forEach(m -> m.registerForwardPreHook((module, in) -> in));
    assertArrayEquals(expected, Tensors.toArray(network.call(input)));
  }

  @Test
  void threadsMayRegisterWhileOthersRun() throws InterruptedException {
    float[] expected = Tensors.toArray(network.call(input));
    List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
    Thread registering =
        new Thread(
            () -> {
              for (int i = 0; i < 2000; i++) {
                network
                    .submodule("layer1.0.conv1")
                    .registerForwardHook((m, in, out) -> out)
                    .close();
              }
            });
    registering.setUncaughtExceptionHandler((thread, failure) -> failures.add(failure));
    registering.start();
    do {
      assertArrayEquals(expected, Tensors.toArray(network.call(input)));
    } while (registering.isAlive());
    registering.join();
    assertEquals(List.of(), failures);
  }

  @Test
  void passesLeakNothing() {
    network.submodule("layer1").registerForwardHook((module, in, out) -> out.mul(out));
    network.call(input);
    long before = Pointer.totalCount();
    for (int i = 0; i < 3; i++) {
      try (NativeScope inner = NativeScope.open()) {
        network.call(input);
      }
    }
    assertEquals(before, Pointer.totalCount());
  }

  @Test
  void unknownPathOffersTheNearest() {
    LayerException error =
        assertThrows(LayerException.class, () -> network.submodule("layer1.1.conv3"));
    assertTrue(error.getMessage().contains("layer1.1.conv2"), error.getMessage());
    assertFalse(error.getMessage().contains("frame #"), error.getMessage());
  }
}
