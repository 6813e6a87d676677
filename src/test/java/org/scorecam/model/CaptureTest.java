package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.ScriptedModels;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.error.InputException;
import org.scorecam.error.LayerException;
import org.scorecam.tensor.Tensors;

/** Which layers can be captured, which call of them counts, and which are refused and why. */
class CaptureTest {
  @TempDir Path folder;

  private static Tensor oneValue(double value) {
    return Tensors.of(new float[] {(float) value}, 1, 1, 1, 1);
  }

  private static Script script(String source) {
    return ScriptedModels.script("Net", source);
  }

  private float captured(Script net, double input, String layer, RepeatedCall counted) {
    try (HookedModel model = net.load(folder);
        Tensor x = oneValue(input);
        Capture capture = model.capture(x, List.of(layer), counted)) {
      return capture.activations().get(0).item_float();
    }
  }

  private String refusal(Script net, String layer) {
    try (HookedModel model = net.load(folder)) {
      LayerException thrown =
          assertThrows(
              LayerException.class, () -> model.registerForwardHook(layer, (path, output) -> {}));
      return thrown.getMessage();
    }
  }

  private static void assertContains(String part, String whole) {
    assertTrue(whole.contains(part), whole);
  }

  @ParameterizedTest
  @EnumSource(RepeatedCall.class)
  void ofSeveralCallsTheChosenOneCounts(RepeatedCall counted) {
    Script net =
        script(
                """
                def forward(self, x: Tensor) -> Tensor:
                    y = self.block.forward(x)
                    z = self.block.forward(y)
                    return self.block.forward(z)
                """)
            .child("block", ScriptedModels.timesPlus(2, 1));
    assertEquals(counted == RepeatedCall.FIRST ? 3 : 15, captured(net, 1, "block", counted));
  }

  @ParameterizedTest
  @EnumSource(RepeatedCall.class)
  void ofALayerInsideABlockCalledTwiceTheChosenCallCounts(RepeatedCall counted) {
    Script block =
        ScriptedModels.script(
                "Block",
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.inner.forward(x) + 10
                """)
            .child("inner", ScriptedModels.timesPlus(2, 1));
    Script net =
        script(
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.block.forward(self.block.forward(x))
                """)
            .child("block", block);
    assertEquals(counted == RepeatedCall.FIRST ? 3 : 27, captured(net, 1, "block.inner", counted));
  }

  @Test
  void aLayerAndOneInsideItAreCapturedTogether() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Capture together =
            model.capture(input, List.of("layer3", "layer3.1.conv2", "fc"), RepeatedCall.LAST);
        Capture outer = model.capture(input, List.of("layer3"), RepeatedCall.LAST);
        Capture inner = model.capture(input, List.of("layer3.1.conv2"), RepeatedCall.LAST)) {
      assertTrue(together.activations().get(0).equal(outer.activations().get(0)));
      assertTrue(together.activations().get(1).equal(inner.activations().get(0)));
      assertTrue(together.activations().get(2).equal(together.output().tensor()));
    }
  }

  @Test
  void otherMethodsOnTheWayToALayerAreFollowed() {
    Script block =
        ScriptedModels.script(
                "Block",
                """
                def inside(self, x: Tensor) -> Tensor:
                    return self.inner.forward(x)
                def forward(self, x: Tensor) -> Tensor:
                    return self.inside(x)
                """)
            .child("inner", ScriptedModels.timesPlus(3, 0));
    Script net =
        script(
                """
                def features(self, x: Tensor) -> Tensor:
                    return self.block.forward(x + 1)
                def forward(self, x: Tensor) -> Tensor:
                    return self.features(x) * 2
                """)
            .child("block", block);
    assertEquals(9, captured(net, 2, "block.inner", RepeatedCall.LAST));
    assertEquals(9, captured(net, 2, "block", RepeatedCall.LAST));
  }

  @Test
  void aVersionOfAnOverloadedForwardIsACallOfTheLayer() {
    Script block =
        ScriptedModels.script(
            "Block",
            """
            def forward__0(self, x: Tensor) -> Tensor:
                return x * 2
            def forward__1(self, x: List[Tensor]) -> Tensor:
                return x[0] * 5
            """);
    Script net =
        script(
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.block.forward__1([x]) + 1
                """)
            .child("block", block);
    assertEquals(15, captured(net, 3, "block", RepeatedCall.LAST));
  }

  @Test
  void aMethodOtherThanForwardIsNoCallOfTheLayer() {
    Script block =
        ScriptedModels.script(
            "Block",
            """
            def shift(self, x: Tensor) -> Tensor:
                return x + 1000
            def forward(self, x: Tensor) -> Tensor:
                return x * 2
            """);
    Script net =
        script(
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.block.shift(self.block.forward(x))
                """)
            .child("block", block);
    assertEquals(6, captured(net, 3, "block", RepeatedCall.LAST));
  }

  @Test
  void aLayerCalledWithOtherArgumentsThanOneTensorIsCaptured() {
    Script scale =
        ScriptedModels.script(
            "Scale",
            """
            def forward(self, x: Tensor, factor: float) -> Tensor:
                return x * factor
            """);
    Script net =
        script(
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.scale.forward(x, 2.5) + 1
                """)
            .child("scale", scale);
    assertEquals(10, captured(net, 4, "scale", RepeatedCall.LAST));
  }

  @Test
  void aLayerBesideControlFlowIsCaptured() {
    Script net =
        script(
                """
                def forward(self, x: Tensor) -> Tensor:
                    y = self.first.forward(x)
                    if bool(y.sum() > 0):
                        y = y + 1
                    return self.last.forward(y)
                """)
            .child("first", ScriptedModels.timesPlus(2, 0))
            .child("last", ScriptedModels.timesPlus(10, 0));
    assertEquals(4, captured(net, 2, "first", RepeatedCall.LAST));
    assertEquals(50, captured(net, 2, "last", RepeatedCall.LAST));
    assertEquals(-40, captured(net, -2, "last", RepeatedCall.LAST));
  }

  @Test
  void aContainerWhoseChildrenAreCalledOneByOneIsRefusedWithTheReason() {
    Script net =
        script(
                """
                def forward(self, x: Tensor) -> Tensor:
                    return getattr(self.blocks, "1").forward(getattr(self.blocks, "0").forward(x))
                """)
            .child(
                "blocks",
                ScriptedModels.moduleList(
                    ScriptedModels.timesPlus(2, 1), ScriptedModels.timesPlus(3, 0)));
    String message = refusal(net, "blocks");
    assertContains("layer 'blocks' is not called as a module", message);
    assertContains("choose one of its children", message);
    assertEquals(3, captured(net, 1, "blocks.0", RepeatedCall.LAST));
    assertEquals(9, captured(net, 1, "blocks.1", RepeatedCall.LAST));
  }

  @Test
  void theModuleListOfAGoldenNetworkIsRefusedAndItsChildrenAreNot() {
    try (HookedModel model = Goldens.model("tinybranch_script.pt")) {
      LayerException thrown =
          assertThrows(
              LayerException.class, () -> model.registerForwardHook("stages", (l, o) -> {}));
      assertContains("layer 'stages' is not called as a module", thrown.getMessage());
      model.registerForwardHook("stages.1", (l, o) -> {}).close();
    }
  }

  @Test
  void aLayerThatIsNeverCalledIsRefused() {
    Script net =
        script(
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.used.forward(x)
                """)
            .child("used", ScriptedModels.timesPlus(2, 1))
            .child("spare", ScriptedModels.timesPlus(2, 1));
    assertContains("layer 'spare' is not called", refusal(net, "spare"));
  }

  /** A layer as attention is: what it returns beside the tensor is None, or what it learnt. */
  private static Script tupleNet(String type, String returned) {
    return script(
            """
            def forward(self, x: Tensor) -> Tensor:
                y = self.pair.forward(x)
                z = self.pair.forward(2. * x)
                return torch.add_(y[PLACE], 10.) + torch.add_(z[PLACE], 10.)
            """
                .replace("PLACE", returned.startsWith("(7") ? "1" : "0"))
        .child(
            "pair",
            ScriptedModels.script(
                "Pair",
                """
                def forward(self, x: Tensor) -> %s:
                    return %s
                """
                    .formatted(type, returned)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Tuple[Tensor, Optional[Tensor]] | (x + 1, None)",
        "Tuple[Tensor, Tensor]           | (x + 1, x + 2)",
        "Tuple[int, Tensor]              | (7, x + 1)",
        "Tuple[Tensor, Tuple[Tensor]]    | (x + 1, (x,))",
      })
  void ofALayerThatReturnsATupleTheFirstTensorIsCaptured(String type, String returned) {
    Script net = tupleNet(type, returned);
    assertEquals(4, captured(net, 1.5, "pair", RepeatedCall.LAST));
    assertEquals(2.5, captured(net, 1.5, "pair", RepeatedCall.FIRST));
    Watch afterPass = new Watch(List.of("pair"), RepeatedCall.LAST, CaptureMoment.AFTER_PASS);
    try (HookedModel model = net.load(folder);
        Tensor x = oneValue(1.5);
        Capture capture = model.capture(x, afterPass)) {
      assertEquals(14, capture.activations().get(0).item_float());
      assertEquals(26.5, capture.output().tensor().item_float());
    }
  }

  @ParameterizedTest
  @EnumSource(CaptureMoment.class)
  void theFirstTensorOfATupleIsWhatTheOutputIsDifferentiatedBy(CaptureMoment moment) {
    Script net =
        script(
                """
                def forward(self, x: Tensor) -> Tensor:
                    y, other = self.pair.forward(x)
                    return torch.add_(y, 10.) * y + other
                """)
            .child(
                "pair",
                ScriptedModels.script(
                    "Pair",
                    """
                    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
                        return (x + 1, x + 2)
                    """));
    Watch watch = new Watch(List.of("pair"), RepeatedCall.LAST, moment);
    try (HookedModel model = net.load(folder);
        Tensor x = oneValue(1.5);
        GradientCapture pass =
            model.captureWithGradients(x, watch, output -> List.of(output.tensor()))) {
      boolean atCall = moment == CaptureMoment.AT_CALL;
      assertEquals(atCall ? 2.5 : 12.5, pass.capture().activations().get(0).item_float());
      assertEquals(25, pass.gradients().get(0).get(0).item_float());
      assertEquals(12.5 * 12.5 + 3.5, pass.capture().output().tensor().item_float());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "List[Tensor]            | [x]",
        "Dict[str, Tensor]       | {\"a\": x}",
        "Tuple[int, List[Tensor]] | (7, [x])"
      })
  void aLayerThatReturnsNoTensorIsRefusedWithItsType(String type, String returned) {
    Script net =
        script(
                """
                def forward(self, x: Tensor) -> Tensor:
                    y = self.pair.forward(x)
                    return x
                """)
            .child(
                "pair",
                ScriptedModels.script(
                    "Pair",
                    """
                    def forward(self, x: Tensor) -> %s:
                        return %s
                    """
                        .formatted(type, returned)));
    assertEquals(
        "layer 'pair' returns %s; only a layer that returns a tensor, or a tuple with one, can be"
                .formatted(type)
            + " captured. Choose one of its children, or a layer after it",
        refusal(net, "pair"));
  }

  @Test
  void anUnknownLayerOffersTheNearestNames() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt")) {
      LayerException thrown =
          assertThrows(
              LayerException.class, () -> model.registerForwardHook("layer3.1.con2", (l, o) -> {}));
      assertContains("has no layer 'layer3.1.con2'", thrown.getMessage());
      assertContains("layer3.1.conv2", thrown.getMessage());
      assertThrows(LayerException.class, () -> model.registerForwardHook("", (l, o) -> {}));
      assertThrows(LayerException.class, () -> model.registerForwardHook("layer3.", (l, o) -> {}));
    }
  }

  @Test
  void anUnknownLayerOfANetworkWithoutLayersSaysSo() {
    Script net =
        script(
            """
            def forward(self, x: Tensor) -> Tensor:
                return x
            """);
    assertContains("it has no submodules", refusal(net, "layer1"));
  }

  @Test
  void refusalsLeaveNothingBehind() {
    try (HookedModel model = Goldens.model("tinybranch_script.pt");
        Tensor wrong = oneValue(1)) {
      NativeObjects.assertNoneLeftBy(
          () -> {
            assertThrows(
                LayerException.class, () -> model.registerForwardHook("stages", (l, o) -> {}));
            assertThrows(
                InputException.class,
                () -> model.capture(wrong, List.of("stages.1"), RepeatedCall.LAST));
          });
    }
  }

  @Test
  void aRefusedInputIsNamedByItsShape() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor grey = Tensors.of(new float[64], 1, 1, 8, 8)) {
      String message = assertThrows(InputException.class, () -> model.forward(grey)).getMessage();
      assertContains("the network cannot run an input of shape [1, 1, 8, 8]: ", message);
      assertEquals(1, message.lines().count(), message);
      assertContains("a convolution in it takes 3 channels and was given 1", message);
    }
  }

  @Test
  void captureCallsNoHook() {
    try (HookedModel model = Goldens.model("tinydead_script.pt");
        Tensor input = Goldens.tensor("tinydead.input.npy")) {
      model.registerForwardHook(
          "relu",
          (layer, output) -> {
            throw new AssertionError("called");
          });
      try (Capture capture = model.capture(input, List.of("relu"), RepeatedCall.LAST)) {
        assertEquals(4, capture.activations().get(0).dim());
      }
    }
  }

  @Test
  void whatWasCapturedOutlivesTheModelAndIsFreedOnce() {
    Capture capture;
    try (HookedModel model = Goldens.model("tinydead_script.pt");
        Tensor input = Goldens.tensor("tinydead.input.npy")) {
      capture = model.capture(input, List.of("relu"), RepeatedCall.LAST);
    }
    assertEquals(5, capture.output().tensor().size(1));
    assertEquals(1, capture.activations().get(0).size(0));
    capture.close();
    capture.close();
  }
}
