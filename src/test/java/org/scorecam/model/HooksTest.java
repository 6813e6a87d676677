package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.ScriptedModels;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.error.InputException;
import org.scorecam.nn.HookHandle;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Forward hooks: what they see, when they run, and how they are removed. */
class HooksTest {
  private static final double TOLERANCE = 1e-5;

  @TempDir Path folder;

  /** A hook that copies what it sees to the heap. */
  private static final class Seen implements ForwardHook {
    final Map<String, float[]> outputs = new LinkedHashMap<>();

    @Override
    public void onForward(String layer, Tensor output) {
      outputs.put(layer, Tensors.toArray(output));
    }
  }

  private static Tensor oneValue(double value) {
    return Tensors.of(new float[] {(float) value}, 1, 1, 1, 1);
  }

  /** Two blocks one after the other: 2x + 1, then 3y + 5. */
  private static Script chain() {
    return ScriptedModels.script(
            "Chain",
            """
            def forward(self, x: Tensor) -> Tensor:
                return self.second.forward(self.first.forward(x))
            """)
        .child("first", ScriptedModels.timesPlus(2, 1))
        .child("second", ScriptedModels.timesPlus(3, 5));
  }

  @ParameterizedTest
  @ValueSource(strings = {"tinyresnet_script.pt", "tinyresnet_trace.pt"})
  void aHookAtAnyDepthSeesWhatTheModuleComputes(String file) {
    Seen seen = new Seen();
    try (NativeScope scope = NativeScope.open();
        HookedModel model = Goldens.model(file);
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      for (String layer : List.of("conv1", "layer1", "layer3.0.downsample.0", "layer3.1.conv2")) {
        model.registerForwardHook(layer, seen);
      }
      model.forward(input).close();

      JitModule net = torch.load(Goldens.file("tinyresnet_script.pt").toString());
      net.eval();
      Tensor conv1 = call(net, "conv1", input);
      Tensor layer1 = call(net, "layer1", call(net, "relu", call(net, "bn1", conv1)));
      Tensor layer2 = call(net, "layer2", layer1);
      Tensor block = call(net, "layer3.0", layer2);
      Tensor inner =
          call(net, "layer3.1.relu", call(net, "layer3.1.bn1", call(net, "layer3.1.conv1", block)));
      assertSeen(conv1, seen, "conv1");
      assertSeen(layer1, seen, "layer1");
      assertSeen(call(net, "layer3.0.downsample.0", layer2), seen, "layer3.0.downsample.0");
      assertSeen(call(net, "layer3.1.conv2", inner), seen, "layer3.1.conv2");
    }
  }

  private static void assertSeen(Tensor expected, Seen seen, String layer) {
    assertClose(Tensors.toArray(expected), seen.outputs.get(layer), TOLERANCE);
  }

  /** Runs a submodule by itself; needs an open scope. */
  private static Tensor call(JitModule root, String path, Tensor input) {
    JitModule module = root;
    for (String name : path.split("\\.", -1)) {
      module = new JitModule(module.attr(name).toObject());
    }
    return new Tensor(module.forward(new IValueVector(new IValue(input))).toTensor());
  }

  @Test
  void scriptedAndTracedFilesShowTheSameActivations() {
    List<String> layers =
        List.of("bn1", "layer1.0.conv1", "layer2", "layer2.1.bn2", "layer3.0", "layer3", "avgpool");
    Seen scripted = new Seen();
    Seen traced = new Seen();
    try (HookedModel script = Goldens.model("tinyresnet_script.pt");
        HookedModel trace = Goldens.model("tinyresnet_trace.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      layers.forEach(layer -> script.registerForwardHook(layer, scripted));
      layers.forEach(layer -> trace.registerForwardHook(layer, traced));
      script.forward(input).close();
      trace.forward(input).close();
    }
    assertEquals(layers, List.copyOf(scripted.outputs.keySet()));
    layers.forEach(
        layer -> assertClose(scripted.outputs.get(layer), traced.outputs.get(layer), TOLERANCE));
  }

  @Test
  void hooksDoNotChangeTheOutput() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ModelOutput plain = model.forward(input)) {
      model.registerForwardHook("layer3.1.conv2", (layer, output) -> {});
      try (ModelOutput hooked = model.forward(input)) {
        assertArrayEquals(Tensors.toArray(plain.tensor()), Tensors.toArray(hooked.tensor()));
      }
    }
  }

  @Test
  void hooksRunInTheOrderOfTheirRegistration() {
    List<String> calls = new ArrayList<>();
    try (HookedModel model = chain().load(folder);
        Tensor input = oneValue(1)) {
      model.registerForwardHook("second", (layer, output) -> calls.add("a " + layer));
      model.registerForwardHook("first", (layer, output) -> calls.add("b " + layer));
      model.registerForwardHook("second", (layer, output) -> calls.add("c " + layer));
      model.forward(input).close();
    }
    assertEquals(List.of("a second", "b first", "c second"), calls);
  }

  @Test
  void aClosedHandleRemovesItsHookAndNoOther() {
    List<String> calls = new ArrayList<>();
    ForwardHook hook = (layer, output) -> calls.add(layer);
    try (HookedModel model = chain().load(folder);
        Tensor input = oneValue(1)) {
      HookHandle first = model.registerForwardHook("first", hook);
      HookHandle again = model.registerForwardHook("first", hook);
      model.forward(input).close();
      assertEquals(List.of("first", "first"), calls);

      first.close();
      first.close();
      calls.clear();
      model.forward(input).close();
      assertEquals(List.of("first"), calls);

      again.close();
      calls.clear();
      model.forward(input).close();
      assertEquals(List.of(), calls);
    }
  }

  @Test
  void anExceptionReachesTheCallerAndLeavesTheModelUsableAndNothingBehind() {
    IllegalStateException mine = new IllegalStateException("mine");
    Seen seen = new Seen();
    try (HookedModel model = chain().load(folder);
        Tensor input = oneValue(1)) {
      model.registerForwardHook("first", seen);
      HookHandle throwing =
          model.registerForwardHook(
              "second",
              (layer, output) -> {
                throw mine;
              });
      assertSame(mine, assertThrows(IllegalStateException.class, () -> model.forward(input)));
      NativeObjects.assertNoneLeftBy(
          () -> assertThrows(IllegalStateException.class, () -> model.forward(input)));

      throwing.close();
      seen.outputs.clear();
      try (ModelOutput output = model.forward(input)) {
        assertEquals(14, output.tensor().item_float());
      }
      assertArrayEquals(new float[] {3}, seen.outputs.get("first"));
    }
  }

  @Test
  void aHookThatThrowsAnErrorLeavesNothingBehindEither() {
    try (HookedModel model = chain().load(folder);
        Tensor input = oneValue(1)) {
      model.registerForwardHook(
          "second",
          (layer, output) -> {
            throw new AssertionError("mine");
          });
      NativeObjects.assertNoneLeftBy(
          () -> assertThrows(AssertionError.class, () -> model.forward(input)));
    }
  }

  @Test
  void aHookMayRegisterAndRemoveHooks() {
    List<String> calls = new ArrayList<>();
    try (HookedModel model = chain().load(folder);
        Tensor input = oneValue(1)) {
      List<HookHandle> own = new ArrayList<>();
      own.add(
          model.registerForwardHook(
              "first",
              (layer, output) -> {
                calls.add("once");
                own.get(0).close();
                model.registerForwardHook("second", (l, o) -> calls.add("later"));
              }));
      model.forward(input).close();
      assertEquals(List.of("once"), calls);
      model.forward(input).close();
      assertEquals(List.of("once", "later"), calls);
    }
  }

  @Test
  void aHookSeesTheOutputAsItWasBeforeLaterInPlaceOperations() {
    Script net =
        ScriptedModels.script(
                "InPlace",
                """
                def forward(self, x: Tensor) -> Tensor:
                    y = self.block.forward(x)
                    torch.relu_(y)
                    y.add_(100)
                    return y
                """)
            .child("block", ScriptedModels.timesPlus(1, -5));
    Seen seen = new Seen();
    try (HookedModel model = net.load(folder);
        Tensor input = oneValue(2)) {
      model.registerForwardHook("block", seen);
      // Several times, since the interpreter optimises after its first runs.
      for (int run = 0; run < 3; run++) {
        try (ModelOutput output = model.forward(input)) {
          assertArrayEquals(new float[] {-3}, seen.outputs.get("block"), "run " + run);
          assertEquals(100, output.tensor().item_float(), "run " + run);
        }
      }
    }
  }

  @Test
  void ofAModuleCalledTwiceAHookSeesTheLastCallOnce() {
    List<Float> seen = new ArrayList<>();
    Script net =
        ScriptedModels.script(
                "Twice",
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.block.forward(self.block.forward(x))
                """)
            .child("block", ScriptedModels.timesPlus(2, 1));
    try (HookedModel model = net.load(folder);
        Tensor input = oneValue(1)) {
      model.registerForwardHook("block", (layer, output) -> seen.add(output.item_float()));
      model.forward(input).close();
    }
    assertEquals(List.of(7f), seen);
  }

  @Test
  void whatAHookClonesOutlivesTheForwardPass() {
    List<Tensor> kept = new ArrayList<>();
    try (HookedModel model = chain().load(folder);
        Tensor input = oneValue(1)) {
      model.registerForwardHook(
          "first",
          (layer, output) -> {
            try (NativeScope scope = NativeScope.open()) {
              kept.add(scope.keep(output.clone()));
            }
          });
      model.forward(input).close();
    }
    try (Tensor clone = kept.get(0)) {
      assertEquals(3, clone.item_float());
    }
  }

  private static void assertNamed(String argument, Executable call) {
    assertEquals(argument, assertThrows(NullPointerException.class, call).getMessage());
  }

  @Test
  void anArgumentThatIsNullIsNamed() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      Watch watch = new Watch(List.of("layer1"), RepeatedCall.LAST, CaptureMoment.AT_CALL);
      assertNamed("layer", () -> model.requireCapturable(null));
      assertNamed("hook", () -> model.registerForwardHook("layer1", null));
      assertNamed("input", () -> model.forward(null));
      assertNamed("input", () -> model.capture(null, watch));
      assertNamed("watch", () -> model.capture(input, null));
      assertNamed("layers", () -> new Watch(null, watch.counted(), watch.moment()));
      assertNamed("counted", () -> new Watch(watch.layers(), null, watch.moment()));
      assertNamed("moment", () -> new Watch(watch.layers(), watch.counted(), null));
      assertNamed("path", () -> TorchScriptModel.load(null, Device.cpu()));
      assertNamed(
          "device", () -> TorchScriptModel.load(Goldens.file("tinyresnet_script.pt"), null));
      assertNamed("network", () -> ModuleModel.of(null, Device.cpu()));
    }
  }

  @Test
  void aTensorThatWasClosedIsSaidToBeThat() {
    Tensor input = oneValue(1);
    input.close();
    try (HookedModel model = chain().load(folder)) {
      InputException thrown = assertThrows(InputException.class, () -> model.forward(input));
      assertEquals("the input is a tensor that has been closed", thrown.getMessage());
    }
  }
}
