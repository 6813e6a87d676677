package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.ScriptedModels;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.error.LayerException;
import org.scorecam.graph.FixedInputs;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;

/** Whether a network that was prepared for batches captures what the network itself does. */
class LayerCaptureTest {
  private static final double TOLERANCE = 1e-5;

  /** More than enough for the network to be prepared. */
  private static final int BATCHES = 10;

  private static final long ROWS = 8;

  @TempDir Path folder;

  /**
   * A residual block of 3×3 convolutions with 32 channels, which our kernels run, and activations
   * in place. Its layers: first, relu, second, sum.
   */
  private static Script block() {
    return ScriptedModels.script(
            "Block",
            """
            def forward(self, x: Tensor) -> Tensor:
                y = self.relu.forward(self.first.forward(x))
                return self.sum.forward(self.second.forward(y), x)
            """)
        .child("first", convolution("v"))
        .child("relu", layer("Relu", "x: Tensor", "torch.relu_(x)"))
        .child("second", convolution("w"))
        .child("sum", layer("Sum", "y: Tensor, x: Tensor", "y.add_(x).relu_()"));
  }

  private static Script layer(String type, String arguments, String result) {
    return ScriptedModels.script(
        type, "def forward(self, %s) -> Tensor:\n    return %s\n".formatted(arguments, result));
  }

  private static Script convolution(String weight) {
    String result = "torch.conv2d(x, self.%s, None, [1, 1], [1, 1], [1, 1], 1)".formatted(weight);
    return layer("Conv", "x: Tensor", result).weight(weight, 32, 32, 3, 3);
  }

  private static List<String> capturableLayersOf(HookedModel model) {
    List<String> capturable = new ArrayList<>();
    for (Layer layer : model.layers()) {
      try {
        model.requireCapturable(layer.path());
        capturable.add(layer.path());
      } catch (LayerException e) {
        // A container, or in a condition.
      }
    }
    return capturable;
  }

  private static JitModule load(Path file) {
    JitModule module = torch.load(file.toString());
    module.eval();
    return module;
  }

  private static Tensor channelsLast(Tensor input) {
    return input.contiguous(MemoryFormat.ChannelsLast);
  }

  /** Captures with the packed network several times, since TorchScript specialises programs. */
  private static void assertPackedAgrees(
      JitModule module, Tensor input, List<String> layers, RepeatedCall counted) {
    for (CaptureMoment moment : CaptureMoment.values()) {
      assertPackedAgrees(module, input, new Watch(layers, counted, moment));
    }
  }

  private static void assertPackedAgrees(JitModule module, Tensor input, Watch watch) {
    try (NativeScope scope = NativeScope.open();
        LibTorchWork work = LibTorchWork.begin();
        HookedFunction plain = HookedFunction.of(module, watch, FixedInputs.none(module));
        NetworkScorer packed = LayerCapture.packed(module, watch, FixedInputs.none(module))) {
      Capture expected = Capture.of(plain.run(channelsLast(input)), watch.layers());
      for (int run = 0; run < 3; run++) {
        Tensor chunk = channelsLast(input);
        try (Capture actual = Capture.of(packed.score(chunk), watch.layers())) {
          assertCloseCaptures(expected, actual);
        }
      }
      expected.close();
    }
  }

  private static Watch watching(String... layers) {
    return new Watch(List.of(layers), RepeatedCall.LAST, CaptureMoment.AT_CALL);
  }

  private static void assertCloseCaptures(Capture expected, Capture actual) {
    List<Tensor> wanted = tensorsOf(expected);
    List<Tensor> seen = tensorsOf(actual);
    assertEquals(wanted.size(), seen.size());
    for (int i = 0; i < wanted.size(); i++) {
      Goldens.assertClose(wanted.get(i), seen.get(i), TOLERANCE);
    }
  }

  private static List<Tensor> tensorsOf(Capture capture) {
    List<Tensor> tensors = new ArrayList<>(capture.activations());
    capture.output().forEachTensor(tensors::add);
    return tensors;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tinyresnet_script",
        "tinyresnet_trace",
        "tinybranch_script",
        "tinydead_script",
        "tinyseg_script",
        "tinytwohead_script",
        "tinyvgg_script"
      })
  void everyLayerIsCapturedTheSameByAPackedNetwork(String name) {
    List<String> layers;
    try (HookedModel model = Goldens.model(name + ".pt")) {
      layers = capturableLayersOf(model);
    }
    try (NativeScope scope = NativeScope.open()) {
      JitModule module = load(Goldens.file(name + ".pt"));
      Tensor input = Goldens.tensor(name.replaceAll("_.*", "") + ".input.npy");
      for (String layer : layers) {
        assertPackedAgrees(module, input, List.of(layer), RepeatedCall.LAST);
      }
      assertPackedAgrees(module, input, layers, RepeatedCall.LAST);
    }
  }

  @ParameterizedTest
  @EnumSource(RepeatedCall.class)
  void theChosenCallCounts(RepeatedCall counted) {
    try (NativeScope scope = NativeScope.open()) {
      JitModule module = load(Goldens.file("tinyreuse_script.pt"));
      Tensor input = Goldens.tensor("tinyreuse.input.npy");
      assertPackedAgrees(module, input, List.of("block"), counted);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"first", "relu", "second", "sum", "first,second", "relu,sum"})
  void whatIsCapturedIsNotFusedAway(String layers) {
    try (NativeScope scope = NativeScope.open()) {
      assertPackedAgrees(
          load(block().save(folder)),
          ProbeInput.of(Device.cpu(), 2, 32, 9, 7),
          List.of(layers.split(",")),
          RepeatedCall.LAST);
    }
  }

  @Test
  void packingLeavesTheNetworkAsItWas() {
    try (NativeScope scope = NativeScope.open()) {
      JitModule module = load(Goldens.file("tinyresnet_script.pt"));
      Tensor input = Goldens.tensor("tinyresnet.input.npy");
      Watch watch = watching("layer3.1.conv2");
      String program = module.get_method("forward").graph().toString();
      try (HookedFunction plain = HookedFunction.of(module, watch, FixedInputs.none(module));
          Capture before = Capture.of(plain.run(input), watch.layers())) {
        LayerCapture.packed(module, watch, FixedInputs.none(module)).close();
        assertEquals(program, module.get_method("forward").graph().toString());
        try (HookedFunction after = HookedFunction.of(module, watch, FixedInputs.none(module));
            Capture first = Capture.of(plain.run(input), watch.layers());
            Capture second = Capture.of(after.run(input), watch.layers())) {
          for (Capture capture : List.of(first, second)) {
            assertTrue(before.activations().get(0).equal(capture.activations().get(0)));
            assertTrue(before.output().tensor().equal(capture.output().tensor()));
          }
        }
      }
    }
  }

  @Test
  void manyBatchesAreCapturedAsOneIs() {
    Watch watch = watching("layer2", "layer3.1.conv2");
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Tensor batch = input.repeat(ROWS, 1, 1, 1);
        Capture expected = model.capture(batch, watch)) {
      for (int i = 0; i < BATCHES; i++) {
        try (Capture actual = model.captureBatch(batch, watch)) {
          assertCloseCaptures(expected, actual);
        }
      }
    }
  }

  @Test
  void aNetworkThatRefusesTheTrialIsLeftAsItIs() {
    Script net =
        ScriptedModels.script(
                "Eight",
                """
                def forward(self, x: Tensor) -> Tensor:
                    assert x.size(0) == 8 and float(x[0, 0, 0, 0]) == 1.
                    return self.block.forward(x)
                """)
            .child("block", ScriptedModels.timesPlus(2, 1));
    for (float output : outputsOfBatches(net)) {
      assertEquals(3, output);
    }
  }

  @Test
  void aNetworkThatPutsOutSomethingElseWhenPreparedIsLeftAsItIs() {
    Script net =
        ScriptedModels.script(
                "Counting",
                """
                def forward(self, x: Tensor) -> Tensor:
                    self.calls.add_(1)
                    return self.block.forward(x) * self.calls
                """)
            .number("calls", 0)
            .child("block", ScriptedModels.timesPlus(2, 1));
    List<Float> outputs = outputsOfBatches(net);
    int last = outputs.size() - 1;
    assertEquals(3, outputs.get(last) - outputs.get(last - 1), outputs.toString());
  }

  /** Captures more batches of ones than a network is prepared after. */
  private List<Float> outputsOfBatches(Script net) {
    List<Float> outputs = new ArrayList<>();
    try (HookedModel model = net.load(folder);
        NativeScope scope = NativeScope.open()) {
      Tensor batch = torch.ones(ROWS, 3, 4, 4);
      for (int i = 0; i < BATCHES; i++) {
        try (Capture capture = model.captureBatch(batch, watching("block"))) {
          outputs.add(capture.output().tensor().max().item_float());
          assertEquals(3, capture.activations().get(0).max().item_float());
        }
      }
    }
    return outputs;
  }

  @Test
  void closingTheModelFreesWhatWasPrepared() {
    try (Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Tensor batch = input.repeat(ROWS, 1, 1, 1)) {
      NativeObjects.assertNoneLeftBy(
          () -> {
            try (HookedModel model = Goldens.model("tinyresnet_script.pt")) {
              for (int i = 0; i < BATCHES; i++) {
                model.captureBatch(batch, watching("layer3")).close();
              }
            }
          });
      HookedModel closed = Goldens.model("tinyresnet_script.pt");
      closed.close();
      assertThrows(
          IllegalStateException.class, () -> closed.captureBatch(batch, watching("layer3")));
    }
  }
}
