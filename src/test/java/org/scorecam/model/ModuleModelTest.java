package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.StringTensorDict;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.scorecam.Goldens;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.error.InputException;
import org.scorecam.error.LayerException;
import org.scorecam.nn.HookHandle;
import org.scorecam.nn.Interceptor;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;
import org.scorecam.nn.TestNetworks;
import org.scorecam.nn.TestNetworks.Reusing;
import org.scorecam.nn.TestNetworks.Small;
import org.scorecam.nn.TestNetworks.Tapped;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

class ModuleModelTest {
  private static final double TOLERANCE = 1e-5;

  private NativeScope scope;
  private Tensor input;

  @BeforeEach
  void makeInput() {
    scope = NativeScope.open();
    input = torch.randn(2, 3, 12, 10);
  }

  @AfterEach
  void freeInput() {
    scope.close();
  }

  /** A model whose batch norms are not the identity; owned by the caller. */
  private ModuleModel model(Network network) {
    StringTensorDict buffers = scope.keep(network).named_buffers();
    for (long i = 0; i < buffers.size(); i++) {
      if (buffers.get(i).value().is_floating_point()) {
        buffers.get(i).value().uniform_(0.5, 1.5, new GeneratorOptional());
      }
    }
    return ModuleModel.of(network, Device.cpu());
  }

  @Test
  void captureIsWhatAForwardHookSees() {
    try (ModuleModel model = model(new Small())) {
      Map<String, float[]> seen = new HashMap<>();
      for (String layer : List.of("layer1.0", "layer1.0.bn1", "stem.1")) {
        model
            .network()
            .submodule(layer)
            .registerForwardHook(
                (module, in, out) -> {
                  seen.put(layer, Tensors.toArray(out));
                  return null;
                });
      }
      float[] output = Tensors.toArray(model.network().call(input));
      List<String> layers = List.of("layer1.0", "layer1.0.bn1", "stem.1");
      try (Capture capture = model.capture(input, layers, RepeatedCall.LAST)) {
        assertArrayEquals(output, Tensors.toArray(capture.output().tensor()));
        for (int i = 0; i < layers.size(); i++) {
          // bn1's output is overwritten by the ReLU in place; the capture shows it as it was.
          assertArrayEquals(seen.get(layers.get(i)), Tensors.toArray(capture.activations().get(i)));
        }
      }
    }
  }

  @Test
  void hooksRunInOrderOnEveryForwardUntilRemoved() {
    List<String> calls = new ArrayList<>();
    try (ModuleModel model = model(new Small())) {
      HookHandle first =
          model.registerForwardHook(
              "layer1.1.conv2", (layer, out) -> calls.add(layer + Tensors.shapeOf(out)));
      model.registerForwardHook("stem", (layer, out) -> calls.add(layer));
      model.forward(input).close();
      assertEquals(List.of("layer1.1.conv2[2, 8, 12, 10]", "stem"), calls);
      first.close();
      first.close();
      model.forward(input).close();
      assertEquals(3, calls.size());
    }
  }

  @Test
  void capturesTheFirstOrTheLastOfSeveralCalls() {
    try (ModuleModel model = model(new Reusing())) {
      List<float[]> calls = new ArrayList<>();
      model
          .network()
          .submodule("block")
          .registerForwardHook(
              (module, in, out) -> {
                calls.add(Tensors.toArray(out));
                return null;
              });
      model.network().call(input);
      assertEquals(2, calls.size());
      assertArrayEquals(calls.get(0), captured(model, "block", RepeatedCall.FIRST));
      assertArrayEquals(calls.get(1), captured(model, "block", RepeatedCall.LAST));
    }
  }

  private float[] captured(ModuleModel model, String layer, RepeatedCall counted) {
    try (Capture capture = model.capture(input, List.of(layer), counted)) {
      return Tensors.toArray(capture.activations().get(0));
    }
  }

  @Test
  void layerThatIsNotCalledHasNoShapeAndCannotBeCaptured() {
    try (ModuleModel model = model(new Reusing())) {
      model.forward(input).close();
      Map<String, Optional<List<Long>>> shapes = new HashMap<>();
      model.layers().forEach(layer -> shapes.put(layer.path(), layer.outputShape()));
      assertEquals(Optional.of(List.of(2L, 8L, 12L, 10L)), shapes.get("block.conv2"));
      assertEquals(Optional.empty(), shapes.get("unused"));
      long before = Pointer.totalCount();
      LayerException error =
          assertThrows(
              LayerException.class,
              () -> model.capture(input, List.of("block", "unused"), RepeatedCall.LAST));
      assertTrue(error.getMessage().startsWith("layer 'unused' was not called for this input"));
      assertEquals(before, Pointer.totalCount());
    }
  }

  @Test
  void scorerFoldsAndComputesTheSame() {
    try (ModuleModel model = model(new Small());
        ModelOutput plain = model.forward(input);
        ModelOutput scored = model.scorer().score(input.contiguous(MemoryFormat.ChannelsLast))) {
      assertSame(model.scorer(), model.scorer());
      assertEquals(MemoryFormat.ChannelsLast, model.scorer().memoryFormat());
      assertNotEquals(List.of(), foldedIn(model), "something is folded");
      Goldens.assertClose(plain.tensor(), scored.tensor(), TOLERANCE);
    }
  }

  @Test
  void modulesCalledTwiceAreNotFolded() {
    try (ModuleModel model = model(new Reusing());
        ModelOutput plain = model.forward(input);
        ModelOutput scored = model.scorer().score(input)) {
      assertEquals(List.of(), foldedIn(model));
      Goldens.assertClose(plain.tensor(), scored.tensor(), TOLERANCE);
    }
  }

  @Test
  void convolutionThatIsReadElsewhereIsNotFolded() {
    try (ModuleModel model = model(new Tapped());
        ModelOutput plain = model.forward(input);
        ModelOutput scored = model.scorer().score(input)) {
      assertEquals(List.of(), foldedIn(model));
      Goldens.assertClose(plain.tensor(), scored.tensor(), TOLERANCE);
    }
  }

  /** The batch norms whose own computation the scorer leaves out. */
  private List<String> foldedIn(ModuleModel model) {
    List<String> folded = new ArrayList<>();
    NetworkScorer.Kind kind = NetworkScorer.Kind.plain(Precision.FLOAT32, Device.cpu());
    try (ModuleFolding folding = ModuleFolding.of(model.network(), input.narrow(0, 0, 1), kind)) {
      Interceptor run = folding.forOneRun();
      model
          .network()
          .submodules()
          .forEach(
              (path, module) -> {
                if (module.type().equals("BatchNorm2d")) {
                  boolean[] computed = new boolean[1];
                  run.call(
                      module,
                      torch.ones(1, 8, 2, 2),
                      x -> {
                        computed[0] = true;
                        return x;
                      });
                  if (!computed[0]) {
                    folded.add(path);
                  }
                }
              });
    }
    return folded;
  }

  @Test
  void hooksOfTheNetworkDoNotRunInTheModelsPasses() {
    try (ModuleModel model = model(new Small())) {
      float[] expected;
      try (ModelOutput output = model.forward(input)) {
        expected = Tensors.toArray(output.tensor());
      }
      model
          .network()
          .submodule("fc")
          .registerForwardHook(
              (module, in, out) -> {
                throw new IllegalStateException("called");
              });
      try (ModelOutput output = model.forward(input);
          ModelOutput scored = model.scorer().score(input)) {
        assertArrayEquals(expected, Tensors.toArray(output.tensor()));
        assertEquals(10, scored.tensor().numel());
      }
    }
  }

  @Test
  void refusedInputLeavesNothingBehind() {
    try (ModuleModel model = model(new Small())) {
      Tensor gray = torch.ones(1, 1, 12, 10);
      model.forward(input).close();
      long before = Pointer.totalCount();
      assertThrows(InputException.class, () -> model.forward(gray));
      // Refused by the last layer: those captured before it are freed.
      Network wrong = scope.keep(new WrongHead());
      try (ModuleModel broken = ModuleModel.of(wrong, Device.cpu())) {
        broken.layers();
        assertThrows(
            InputException.class, () -> broken.capture(input, List.of("conv"), RepeatedCall.LAST));
        long afterFirst = Pointer.totalCount();
        assertThrows(
            InputException.class, () -> broken.capture(input, List.of("conv"), RepeatedCall.LAST));
        assertEquals(afterFirst, Pointer.totalCount());
      }
      assertTrue(before <= Pointer.totalCount());
    }
  }

  private static final class WrongHead extends Network {
    private final Submodule conv = child("conv", TestNetworks.conv(3, 8));
    private final Submodule fc = child("fc", new LinearImpl(3, 2));

    @Override
    public Tensor forward(Tensor x) {
      return fc.forward(conv.forward(x).mean(2, 3));
    }
  }

  @Test
  void threadsShareAModelAndItsScorer() throws Exception {
    try (ModuleModel model = model(new Small())) {
      float[] expected = captured(model, "layer1", RepeatedCall.LAST);
      float[] scores;
      try (ModelOutput scored = model.scorer().score(input)) {
        scores = Tensors.toArray(scored.tensor());
      }
      ExecutorService threads = Executors.newFixedThreadPool(2);
      List<Future<?>> runs = new ArrayList<>();
      for (int thread = 0; thread < 2; thread++) {
        runs.add(
            threads.submit(
                () -> {
                  for (int i = 0; i < 20; i++) {
                    assertArrayEquals(expected, captured(model, "layer1", RepeatedCall.LAST));
                    try (ModelOutput scored = model.scorer().score(input)) {
                      assertArrayEquals(scores, Tensors.toArray(scored.tensor()), 1e-6f);
                    }
                  }
                }));
      }
      for (Future<?> run : runs) {
        run.get();
      }
      threads.shutdown();
    }
  }

  @Test
  void scoreCamTakesTheDefaultLayer() {
    try (ModuleModel model = model(new Small());
        ScoreCam cam = ScoreCam.on(model).build()) {
      assertEquals(Optional.of("layer1"), model.defaultLayer());
      List<Saliency> maps = cam.explainBatch(input, List.of(Target.top1(), Target.ofClass(2)));
      for (Saliency map : maps) {
        assertEquals("layer1", map.layer());
        assertEquals(8, map.status().channels());
        assertEquals(12, map.height());
        map.close();
      }
    }
  }

  @Test
  void scoreCamNeedsALayerWhereThereIsNoDefault() {
    try (ModuleModel model = model(new Reusing())) {
      IllegalArgumentException error =
          assertThrows(IllegalArgumentException.class, () -> ScoreCam.on(model).build());
      assertTrue(error.getMessage().contains("no customary one"), error.getMessage());
    }
  }

  @Test
  void closedModelSaysSo() {
    ModuleModel model = model(new Small());
    Scorer scorer = model.scorer();
    model.close();
    model.close();
    assertThrows(IllegalStateException.class, () -> scorer.score(input));
    assertThrows(IllegalStateException.class, () -> model.forward(input));
    assertThrows(IllegalStateException.class, model::network);
    assertFalse(model.device().toString().isEmpty());
  }

  @Test
  void closingWaitsForThePassesThatRun() throws InterruptedException {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch proceed = new CountDownLatch(1);
    Network slow =
        new Network() {
          private final Submodule conv = child("conv", TestNetworks.conv(3, 8));

          @Override
          public Tensor forward(Tensor x) {
            running.countDown();
            try {
              proceed.await();
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            }
            return conv.forward(x);
          }
        };
    ModuleModel model = ModuleModel.of(slow, Device.cpu());
    AtomicReference<List<Long>> seen = new AtomicReference<>();
    Thread pass =
        new Thread(
            () -> {
              try (Capture capture = model.capture(input, List.of("conv"), RepeatedCall.LAST)) {
                seen.set(CapturingModel.shapeOf(capture.activations().get(0)));
              }
            });
    Thread closing = new Thread(model::close);
    pass.start();
    running.await();
    closing.start();
    closing.join(200);
    assertTrue(closing.isAlive(), "closed under a pass");
    proceed.countDown();
    pass.join();
    closing.join();
    assertEquals(List.of(2L, 8L, 12L, 10L), seen.get());
    assertThrows(
        IllegalStateException.class,
        () -> model.capture(input, List.of("conv"), RepeatedCall.LAST));
  }
}
