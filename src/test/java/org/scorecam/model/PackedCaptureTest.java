package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.scorecam.Goldens;
import org.scorecam.KeptFindings;
import org.scorecam.NativeObjects;
import org.scorecam.ScriptedModels;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.error.LayerException;
import org.scorecam.graph.FixedInputs;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;

/** Whether the program that scores captures what the network itself does. */
class PackedCaptureTest {
  private static final double TOLERANCE = 1e-5;

  /** More than enough for the network to be prepared. */
  private static final int BATCHES = 10;

  private static final long ROWS = 8;

  private static final NetworkScorer.Kind PACKED =
      NetworkScorer.Kind.plain(Precision.FLOAT32, Device.cpu()).withPackedWeights();

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

  /** The layers that are found in the packed program at any call and moment, and captured alike. */
  private static List<String> found(JitModule module, Tensor input, List<String> layers) {
    try (NativeScope scope = NativeScope.open();
        NetworkScorer packed = FrozenScorer.of(module, PACKED, FixedInputs.none(module))) {
      packed.score(channelsLast(input)).close();
      FrozenScorer program = packed.program().orElseThrow();
      return layers.stream()
          .filter(
              layer ->
                  watches(layer).stream()
                          .filter(watch -> isFound(module, program, watch, input))
                          .count()
                      == watches(layer).size())
          .toList();
    }
  }

  private static List<Watch> watches(String layer) {
    return Stream.of(RepeatedCall.values())
        .flatMap(
            counted ->
                Stream.of(CaptureMoment.values())
                    .map(moment -> new Watch(List.of(layer), counted, moment)))
        .toList();
  }

  private static boolean isFound(
      JitModule module, FrozenScorer program, Watch watch, Tensor input) {
    try (NativeScope scope = NativeScope.open();
        LibTorchWork work = LibTorchWork.begin();
        LayerCapture plain =
            new LayerCapture(module, watch, Device.cpu(), FixedInputs.none(module));
        PackedCapture packed = new PackedCapture(watch)) {
      assertTrue(packed.run(channelsLast(input)).isEmpty(), "before the search");
      packed.searchIn(program, InputShape.ofRowsIn(input), plain::run);
      try (Capture expected = plain.run(channelsLast(input))) {
        for (int run = 0; run < 3; run++) {
          Optional<Capture> actual = packed.run(channelsLast(input));
          actual.ifPresent(capture -> assertCloseCaptures(expected, capture));
          actual.ifPresent(Capture::close);
        }
      }
      return packed.run(channelsLast(input)).isPresent();
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
  @CsvSource({
    "tinyresnet_script, relu layer1 layer2.0.downsample layer3 layer3.1.relu fc, conv1 layer3.1.conv2",
    "tinyresnet_trace, relu layer1 layer2.0.downsample layer3 layer3.1.relu fc, conv1 layer3.1.conv2",
    "tinybranch_script, stages.0.2 stages.2, stages.0.0 stages.2.1 fc",
    "tinyseg_script, backbone.2 backbone classifier, backbone.0 backbone.1",
    "tinytwohead_script, body.relu body.layer2 body.layer3 aux, body.conv1 body.layer3.1.conv2",
    "tinyvgg_script, features.1 features.4 features avgpool classifier, features.0 features.5",
    "tinyreuse_script, stem.2 block block.relu pool, stem.0 block.conv1"
  })
  void layersAreFoundThatAreNoPartOfALargerOperator(String name, String found, String missing) {
    List<String> layers;
    try (HookedModel model = Goldens.model(name + ".pt")) {
      layers = capturableLayersOf(model);
    }
    try (NativeScope scope = NativeScope.open()) {
      JitModule module = load(Goldens.file(name + ".pt"));
      Tensor input = Goldens.tensor(name.replaceAll("_.*", "") + ".input.npy");
      List<String> seen = found(module, input, layers);
      assertTrue(seen.containsAll(List.of(found.split(" "))), seen.toString());
      assertTrue(Collections.disjoint(seen, List.of(missing.split(" "))), seen.toString());
    }
  }

  @Test
  void activationsInPlaceHideWhatTheyAreGiven() {
    try (NativeScope scope = NativeScope.open()) {
      JitModule module = load(block().save(folder));
      Tensor input = ProbeInput.of(Device.cpu(), 2, 32, 9, 7);
      List<String> layers = List.of("first", "relu", "second", "sum");
      assertEquals(List.of("relu", "sum"), found(module, input, layers));
    }
  }

  @Test
  void layersThatAreTheSameEverywhereAreNotLookedFor() {
    try (NativeScope scope = NativeScope.open()) {
      JitModule module = load(Goldens.file("tinydead_script.pt"));
      Tensor input = Goldens.tensor("tinydead.input.npy");
      assertEquals(List.of("fc"), found(module, input, List.of("conv", "tail", "fc")));
    }
  }

  /** Each block adds a millionth of what it computes, as ConvNeXts do before they are trained. */
  @Test
  void theNearestOfLayersThatAreNearlyTheSameIsFound() {
    Script net =
        ScriptedModels.script(
                "Near",
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.third.forward(self.second.forward(self.first.forward(x)))
                """)
            .child("first", layer("First", "x: Tensor", "x + 2e-5 * torch.sin(x)"))
            .child("second", layer("Second", "x: Tensor", "x + 2e-5 * torch.cos(x)"))
            .child("third", layer("Third", "x: Tensor", "x * x"));
    Watch watch = watching("second");
    try (NativeScope scope = NativeScope.open();
        LibTorchWork work = LibTorchWork.begin()) {
      JitModule module = load(net.save(folder));
      Tensor input = ProbeInput.of(Device.cpu(), 1, 3, 8, 8);
      try (NetworkScorer packed = FrozenScorer.of(module, PACKED, FixedInputs.none(module));
          LayerCapture plain =
              new LayerCapture(module, watch, Device.cpu(), FixedInputs.none(module));
          PackedCapture capturing = new PackedCapture(watch)) {
        packed.score(channelsLast(input)).close();
        capturing.searchIn(packed.program().orElseThrow(), InputShape.ofRowsIn(input), plain::run);
        try (Capture expected = plain.run(input);
            Capture actual = capturing.run(input).orElseThrow()) {
          assertTrue(expected.activations().get(0).equal(actual.activations().get(0)));
        }
      }
    }
  }

  /** What agrees for the inputs that are looked at need not agree for others. */
  @Test
  void layersThatSeveralTensorsAgreeWithAreCapturedPlainly() {
    Script net =
        ScriptedModels.script(
                "Alike",
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.first.forward(self.second.forward(torch.sin(x)))
                """)
            .child("first", layer("Bounded", "x: Tensor", "torch.where(x < 2e6, x * x, x)"))
            .child("second", layer("Large", "x: Tensor", "torch.where(x < 2e6, x + 1, x)"));
    try (NativeScope scope = NativeScope.open()) {
      JitModule module = load(net.save(folder));
      Tensor input = ProbeInput.of(Device.cpu(), 1, 3, 8, 8);
      assertEquals(List.of(), found(module, input, List.of("first", "second")));
    }
  }

  /** What comes after a condition need not be what the layer in one of its branches put out. */
  @Test
  void layersInConditionsAreCapturedPlainly() {
    Script net =
        ScriptedModels.script(
                "Condition",
                """
                def forward(self, x: Tensor) -> Tensor:
                    if bool(x.sum() > -1000.):
                        y = self.block.forward(x)
                    else:
                        y = x
                    return torch.relu(y)
                """)
            .child("block", layer("Square", "x: Tensor", "x * x"));
    try (NativeScope scope = NativeScope.open()) {
      JitModule module = load(net.save(folder));
      Tensor input = ProbeInput.of(Device.cpu(), 1, 3, 8, 8);
      assertEquals(List.of(), found(module, input, List.of("block")));
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
        found(module, input, watch.layers());
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
  void modelsCaptureByTheProgramThatTheyScoreBy() {
    Watch watch = watching("layer3");
    try (KeptFindings findings = new KeptFindings(folder);
        HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Capture plain = model.capture(input, watch)) {
      InputShape shape = InputShape.ofRowsIn(input);
      String question = "the fastest way to score inputs of %s in float32".formatted(shape);
      model.findings().tell(question, PACKED.toString());
      try (Capture before = model.captureFast(input, watch)) {
        assertTrue(plain.activations().get(0).equal(before.activations().get(0)));
      }
      assertEquals(PACKED.toString(), model.scorer(Precision.FLOAT32, shape).description());
      try (Capture after = model.captureFast(input, watch)) {
        assertCloseCaptures(plain, after);
        // Our convolutions round otherwise.
        assertFalse(plain.activations().get(0).equal(after.activations().get(0)));
      }
    }
  }

  @Test
  void inputsAreCapturedTheSameBeforeAndAfterTheNetworkIsPrepared() {
    Watch watch = watching("layer2", "layer3");
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Tensor batch = input.repeat(ROWS, 1, 1, 1);
        Capture expected = model.capture(batch, watch);
        Capture one = model.capture(input, watch)) {
      for (int i = 0; i < BATCHES; i++) {
        try (Capture actual = model.captureFast(batch, watch);
            Capture alone = model.captureFast(input, watch)) {
          assertCloseCaptures(expected, actual);
          assertCloseCaptures(one, alone);
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
        try (Capture capture = model.captureFast(batch, watching("block"))) {
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
                model.captureFast(batch, watching("layer3")).close();
              }
            }
          });
      HookedModel closed = Goldens.model("tinyresnet_script.pt");
      closed.close();
      assertThrows(
          IllegalStateException.class, () -> closed.captureFast(batch, watching("layer3")));
    }
  }
}
