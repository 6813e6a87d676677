package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.scorecam.ScriptedModels;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.error.LayerException;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Layers that a TorchScript network calls inside conditions and loops. */
class ControlFlowCaptureTest {
  @TempDir Path folder;

  /** A network with the layers {@code block} (2x + 1) and {@code other} (10x). */
  private static Script net(String source) {
    return ScriptedModels.script("Net", source)
        .child("block", ScriptedModels.timesPlus(2, 1))
        .child("other", ScriptedModels.timesPlus(10, 0));
  }

  private static Tensor oneValue(double value) {
    return Tensors.of(new float[] {(float) value}, 1, 1, 1, 1);
  }

  private float captured(Script net, double input, String layer, RepeatedCall counted) {
    try (HookedModel model = net.load(folder);
        Tensor x = oneValue(input)) {
      float value = Float.NaN;
      for (CaptureMoment moment : CaptureMoment.values()) {
        // Several times, since TorchScript specialises a program after its first runs.
        for (int run = 0; run < 3; run++) {
          try (Capture capture = model.capture(x, new Watch(List.of(layer), counted, moment))) {
            float seen = capture.activations().get(0).item_float();
            assertTrue(Float.isNaN(value) || value == seen, "%s and %s".formatted(value, seen));
            value = seen;
          }
        }
      }
      return value;
    }
  }

  private float captured(Script net, double input, String layer) {
    return captured(net, input, layer, RepeatedCall.LAST);
  }

  private String refusal(Script net, String layer) {
    try (HookedModel model = net.load(folder)) {
      return assertThrows(LayerException.class, () -> model.requireCapturable(layer)).getMessage();
    }
  }

  private String notCalled(Script net, double input, String layer) {
    try (HookedModel model = net.load(folder);
        Tensor x = oneValue(input)) {
      model.requireCapturable(layer);
      Watch watch = new Watch(List.of(layer), RepeatedCall.LAST, CaptureMoment.AT_CALL);
      return assertThrows(LayerException.class, () -> model.capture(x, watch)).getMessage();
    }
  }

  private static void assertContains(String expected, String message) {
    assertTrue(message.contains(expected), message);
  }

  @Test
  void aLayerInAConditionIsCapturedWhereItIsCalled() {
    Script net =
        net(
            """
            def forward(self, x: Tensor) -> Tensor:
                if bool(x.sum() > 0):
                    x = self.block.forward(x)
                else:
                    x = self.other.forward(x)
                return x
            """);
    assertEquals(7, captured(net, 3, "block"));
    assertEquals(-30, captured(net, -3, "other"));
    String message = notCalled(net, -3, "block");
    assertContains("layer 'block' was not called for this input", message);
    assertContains("condition or loop", message);
  }

  @ParameterizedTest
  @CsvSource({"LAST, 31", "FIRST, 3"})
  void ofALoopsCallsTheChosenOneCounts(RepeatedCall counted, float expected) {
    Script net =
        net(
            """
            def forward(self, x: Tensor) -> Tensor:
                for i in range(4):
                    x = self.block.forward(x)
                return x
            """);
    assertEquals(expected, captured(net, 1, "block", counted));
  }

  @Test
  void aLayerInALoopThatIsNotEnteredWasNotCalled() {
    Script net =
        net(
            """
            def forward(self, x: Tensor) -> Tensor:
                while bool(x.sum() < 10):
                    x = self.block.forward(x)
                return x
            """);
    assertEquals(15, captured(net, 1, "block"));
    assertContains("was not called for this input", notCalled(net, 11, "block"));
  }

  @ParameterizedTest
  @CsvSource({"LAST, 2, 21", "FIRST, 2, 5", "LAST, -1, -9", "FIRST, -1, -1"})
  void callsInsideAndOutsideOfConditionsCountInTheirOrder(
      RepeatedCall counted, double input, float expected) {
    Script net =
        net(
            """
            def forward(self, x: Tensor) -> Tensor:
                y = self.block.forward(x)
                if bool(x.sum() > 0):
                    y = self.block.forward(y * 2)
                else:
                    y = self.block.forward(y * 5)
                return y
            """);
    assertEquals(expected, captured(net, input, "block", counted));
  }

  @Test
  void conditionsInLoopsAndLeavingThemEarlyAreFollowed() {
    Script net =
        net(
            """
            def forward(self, x: Tensor) -> Tensor:
                for i in range(10):
                    if i == 1:
                        continue
                    for j in range(i + 1):
                        if bool(x.sum() > 20):
                            x = self.block.forward(x)
                            return x
                    x = x + 7
                return x
            """);
    assertEquals(2 * 21 + 1, captured(net, 0, "block"));
  }

  @Test
  void aLayerInsideABlockInALoopIsCaptured() {
    Script block =
        ScriptedModels.script(
                "Block",
                """
                def forward(self, x: Tensor) -> Tensor:
                    if bool(x.sum() > 2):
                        return self.inner.forward(x)
                    return x + 1
                """)
            .child("inner", ScriptedModels.timesPlus(3, 0));
    Script net =
        ScriptedModels.script(
                "Net",
                """
                def forward(self, x: Tensor) -> Tensor:
                    for i in range(3):
                        x = self.block.forward(x)
                    return x
                """)
            .child("block", block);
    assertEquals(9, captured(net, 1, "block.inner"));
    assertEquals(9, captured(net, 1, "block"));
    assertEquals(2, captured(net, 1, "block", RepeatedCall.FIRST));
  }

  @Test
  void layersInsideAndOutsideAreCapturedTogether() {
    Script net =
        net(
            """
            def forward(self, x: Tensor) -> Tensor:
                y = self.other.forward(x)
                if bool(x.sum() > 0):
                    y = self.block.forward(y)
                return y
            """);
    Watch both = new Watch(List.of("block", "other"), RepeatedCall.LAST, CaptureMoment.AFTER_PASS);
    try (HookedModel model = net.load(folder);
        Tensor x = oneValue(2);
        Capture capture = model.capture(x, both)) {
      assertEquals(41, capture.activations().get(0).item_float());
      assertEquals(20, capture.activations().get(1).item_float());
      assertEquals(41, capture.output().tensor().item_float());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "self.flag | block",
        "not self.flag | other",
        "self.training | other",
        "self.flag and not self.training | block",
        "self.training or self.flag | block",
        "self.scale is not None | block",
        "self.none is not None | other",
        "self.none is None and self.number == 3 | block",
        "self.number > 3 | other",
        "self.number + 1 >= 4 | block",
        "self.name == 'deep' | block",
        "self.name != 'deep' | other",
        "len(self.sizes) == 2 | block",
        "self.sizes[1] == 5 | other"
      })
  void aConditionOnAttributesIsDecidedWhenTheNetworkIsPrepared(String condition, String called) {
    Script net = decided(condition);
    String spared = called.equals("block") ? "other" : "block";
    assertEquals(called.equals("block") ? 3 : 10, captured(net, 1, called));
    String message = refusal(net, spared);
    assertContains("layer '%s' is not called as a module".formatted(spared), message);
    assertContains("a branch that this network does not take", message);
  }

  private static Script decided(String condition) {
    return net("""
            def forward(self, x: Tensor) -> Tensor:
                if %s:
                    x = self.block.forward(x)
                else:
                    x = self.other.forward(x)
                return x
            """
            .formatted(condition))
        .attribute("flag", "bool", () -> new IValue(true))
        .attribute("training", "bool", () -> new IValue(true))
        .attribute("number", "int", () -> new IValue(3L))
        .attribute("name", "str", () -> new IValue("deep"))
        .attribute("none", "Tensor?", IValue::new)
        .attribute("scale", "Tensor?", () -> new IValue(oneValue(1)))
        .attribute("sizes", "int[]", () -> integers(2, 3));
  }

  private static IValue integers(long... values) {
    GenericList list = new GenericList(torch.parseSchema("f(int x) -> ()").arguments().type());
    for (long value : values) {
      list.push_back(new IValue(value));
    }
    return new IValue(list);
  }

  @Test
  void anAttributeThatTheNetworkAssignsDecidesNothing() {
    Script net =
        net("""
                def forward(self, x: Tensor) -> Tensor:
                    if self.flag:
                        x = self.block.forward(x)
                    else:
                        x = self.other.forward(x)
                    self.flag = not self.flag
                    return x
                """)
            .attribute("flag", "bool", () -> new IValue(true));
    Watch block = new Watch(List.of("block"), RepeatedCall.LAST, CaptureMoment.AT_CALL);
    try (HookedModel model = net.load(folder);
        Tensor x = oneValue(1)) {
      try (Capture first = model.capture(x, block)) {
        assertEquals(3, first.activations().get(0).item_float());
      }
      assertThrows(LayerException.class, () -> model.capture(x, block));
      try (Capture third = model.capture(x, block)) {
        assertEquals(3, third.activations().get(0).item_float());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(RepeatedCall.class)
  void inPlaceOperationsShowInTheMomentAfterThePassAlone(RepeatedCall counted) {
    Script net =
        net(
            """
            def forward(self, x: Tensor) -> Tensor:
                for i in range(2):
                    x = self.block.forward(x)
                    x.mul_(100)
                return self.other.forward(x)
            """);
    boolean first = counted == RepeatedCall.FIRST;
    try (HookedModel model = net.load(folder);
        Tensor x = oneValue(1)) {
      Map<CaptureMoment, Float> expected =
          Map.of(
              CaptureMoment.AT_CALL, first ? 3f : 601f,
              CaptureMoment.AFTER_PASS, first ? 300f : 60100f);
      expected.forEach(
          (moment, value) -> {
            Watch watch = new Watch(List.of("block"), counted, moment);
            try (Capture capture = model.capture(x, watch)) {
              assertEquals(value, capture.activations().get(0).item_float());
              assertEquals(601000, capture.output().tensor().item_float());
            }
          });
    }
  }

  @Test
  void shapesOfLayersInConditionsAreListedWhereTheyAreCalled() {
    Script net =
        net(
            """
            def forward(self, x: Tensor) -> Tensor:
                if x.size(2) > 100:
                    x = self.block.forward(x)
                return self.other.forward(x)
            """);
    try (HookedModel model = net.load(folder);
        NativeScope scope = NativeScope.open();
        Tensor x = oneValue(1)) {
      model.forward(x).close();
      assertEquals(
          List.of(Optional.empty(), Optional.of(List.of(1L, 1L, 1L, 1L))),
          model.layers().stream().map(Layer::outputShape).toList());
    }
  }
}
