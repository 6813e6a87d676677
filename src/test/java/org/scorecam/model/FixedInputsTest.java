package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.ScriptedModels;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.Target;
import org.scorecam.error.InputException;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** What a network takes beside the batch: defaults, and inputs that the caller fixed. */
class FixedInputsTest {
  @TempDir Path folder;

  /** A network of a layer {@code maps} (2x + 1) with a signature and a result of its own. */
  private static Script net(String parameters, String result) {
    return ScriptedModels.script(
            "Net",
            "def forward(self, x: Tensor%s) -> Tensor:\n    y = self.maps.forward(x)\n    return %s\n"
                .formatted(parameters, result))
        .child("maps", ScriptedModels.timesPlus(2, 1));
  }

  private static Tensor of(double... values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return Tensors.of(floats, 1, values.length);
  }

  /** Three rows of two channels with one pixel each. */
  private static Tensor batch() {
    return Tensors.of(new float[] {1, 2, 3, 4, 5, 6}, 3, 2, 1, 1);
  }

  private static void assertOutput(HookedModel model, float... expected) {
    try (NativeScope scope = NativeScope.open();
        Tensor batch = batch();
        ModelOutput plain = model.forward(batch);
        ModelOutput scored = model.scorer().score(batch)) {
      assertArrayEquals(expected, Tensors.toArray(plain.tensor()), 1e-5f);
      assertArrayEquals(expected, Tensors.toArray(scored.tensor()), 1e-5f);
    }
  }

  private static final String MEANS = "y.mean([2, 3])";

  @Test
  void defaultArgumentsApply() {
    Script net =
        net(
            ", scale: float = 3.0, shift: Optional[Tensor] = None, flag: bool = True, n: int = 2",
            MEANS + " * scale + (n if flag and shift is None else 100)");
    try (HookedModel model = net.load(folder)) {
      assertOutput(model, 11, 17, 23, 29, 35, 41);
    }
  }

  @Test
  void aLeadingDimensionOfOneIsRepeatedToTheRows() {
    Script net = net(", weight: Tensor", "torch.cat([%s, weight], 1)".formatted(MEANS));
    try (HookedModel model = net.load(folder);
        Tensor weight = of(10, 100);
        HookedModel bound = model.withFixedInputs(List.of(weight))) {
      weight.zero_(); // A copy was taken.
      assertOutput(bound, 3, 5, 10, 100, 7, 9, 10, 100, 11, 13, 10, 100);
    }
  }

  @Test
  void tensorsWithoutARowForEachInputStayAsTheyAre() {
    Script net = net(", weight: Tensor, offset: Tensor", MEANS + " * weight + offset");
    try (HookedModel model = net.load(folder);
        Tensor weight = Tensors.of(new float[] {1, 10}, 2);
        NativeScope scope = NativeScope.open();
        HookedModel bound =
            model.withFixedInputs(List.of(weight, torch.tensor(1000.0).squeeze()))) {
      assertOutput(bound, 1003, 1050, 1007, 1090, 1011, 1130);
    }
  }

  @Test
  void aTensorOfOneValueServesForANumber() {
    Script net =
        net(", a: float, b: int, c: bool, d: float = 7.0", MEANS + " * a + (b if c else 0) + d");
    try (HookedModel model = net.load(folder);
        HookedModel bound = model.withFixedInputs(List.of(of(0.5), of(4), of(1)))) {
      assertOutput(bound, 12.5f, 13.5f, 14.5f, 15.5f, 16.5f, 17.5f);
    }
  }

  @Test
  void whatFollowsALayerIsGivenTheSame() {
    for (String result :
        List.of(MEANS + " * scale", "y.mean([2, 3]) + float(weight.sum() * 0) + 2 * scale")) {
      Script net = net(", weight: Tensor, scale: float", result);
      try (HookedModel model = net.load(folder);
          Tensor weight = of(10, 100);
          HookedModel bound = model.withFixedInputs(List.of(weight, of(3)));
          HookedModel rest = bound.from("maps");
          NativeScope scope = NativeScope.open();
          Capture capture = bound.capture(batch(), List.of("maps"), RepeatedCall.LAST);
          ModelOutput output = rest.forward(capture.activations().get(0))) {
        assertArrayEquals(
            Tensors.toArray(capture.output().tensor()), Tensors.toArray(output.tensor()), result);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "List[Tensor], torch.stack(x)",
    "Optional[Tensor], 'x if x is not None else torch.ones([3, 2, 1, 1])'",
  })
  void whatFollowsALayerTakesATensorWhateverTheNetworkTakes(String type, String rows) {
    Script net =
        ScriptedModels.script(
                "Taken",
                """
                def forward(self, x: %s, scale: float = 2.0) -> Tensor:
                    return self.maps.forward(%s).mean([2, 3]) * scale
                """
                    .formatted(type, rows))
            .child("maps", ScriptedModels.timesPlus(2, 1));
    try (HookedModel model = net.load(folder);
        HookedModel rest = model.from("maps");
        NativeScope scope = NativeScope.open();
        Capture capture = model.capture(batch(), List.of("maps"), RepeatedCall.LAST)) {
      Tensor maps = capture.activations().get(0);
      assertArrayEquals(new long[] {3, 2, 1, 1}, maps.shape());
      try (ModelOutput output = rest.forward(maps);
          ModelOutput scored = rest.scorer().score(maps.clone())) {
        float[] expected = Tensors.toArray(capture.output().tensor());
        assertArrayEquals(expected, Tensors.toArray(output.tensor()));
        assertArrayEquals(expected, Tensors.toArray(scored.tensor()));
      }
    }
  }

  @Test
  void integersStayIntegers() {
    Script net =
        net(", label: Tensor", MEANS + " + torch.embedding(self.table, label)")
            .weight("table", 4, 2);
    try (NativeScope scope = NativeScope.open();
        HookedModel model = net.load(folder);
        HookedModel bound = model.withFixedInputs(List.of(of(2).view(1).to(ScalarType.Long)));
        ModelOutput output = bound.forward(batch())) {
      assertArrayEquals(new long[] {3, 2}, output.tensor().shape());
    }
  }

  private static void assertRefused(HookedModel model, String expected, Tensor... given) {
    InputException thrown =
        assertThrows(InputException.class, () -> model.withFixedInputs(List.of(given)));
    assertTrue(thrown.getMessage().contains(expected), thrown.getMessage());
  }

  @Test
  void whatDoesNotFitIsRefusedWithTheSignature() {
    Script net =
        net(", mask: Tensor, scale: float, names: List[str] = []", MEANS + " * mask * scale");
    try (NativeScope scope = NativeScope.open();
        HookedModel model = net.load(folder)) {
      String signature = "(x: Tensor, mask: Tensor, scale: float, names: List[str] = ";
      assertRefused(model, signature);
      assertRefused(model, "no value was given for 'mask'");
      assertRefused(model, "no value was given for 'scale'", of(1));
      assertRefused(model, "fixed inputs given: 4;", of(1), of(1), of(1), of(1));
      assertRefused(model, "'scale: float'", of(1), of(1, 2));
      assertRefused(model, "Float tensor of shape [1, 2]", of(1), of(1, 2));
      assertRefused(model, "'names: List[str]", of(1), of(1), of(1));
      InputException thrown = assertThrows(InputException.class, () -> model.forward(batch()));
      assertTrue(thrown.getMessage().contains("fixedInputs(…)"), thrown.getMessage());
      assertTrue(thrown.getMessage().contains("--extra FILE.npy"), thrown.getMessage());
    }
  }

  @Test
  void aWholeNumberIsNeededForAnInteger() {
    try (NativeScope scope = NativeScope.open();
        HookedModel model = net(", n: int", MEANS + " * n").load(folder)) {
      assertRefused(model, "'n: int'", of(1.5));
    }
  }

  @Test
  void aNetworkOfOneInputTakesNoOther() {
    try (NativeScope scope = NativeScope.open();
        HookedModel model = Goldens.model("tinyresnet_script.pt")) {
      assertRefused(model, "so at most 0 can be given", of(1));
    }
  }

  @ParameterizedTest
  @EnumSource(value = Precision.class, mode = EnumSource.Mode.EXCLUDE, names = "TF32") // CUDA's.
  void mapsAreThoseOfTheNetworkWithTheValuesInIt(Precision precision) {
    String convolution = "torch.conv2d(x, self.w, None, [2, 2], [0, 0], [1, 1], 1)";
    Script maps =
        ScriptedModels.script(
                "Maps",
                "def forward(self, x: Tensor) -> Tensor:\n    return %s\n".formatted(convolution))
            .weight("w", 8, 3, 4, 4);
    String scores = "torch.relu(self.maps.forward(x)).sum([2, 3])";
    Script taking =
        ScriptedModels.script(
                "Taking",
                "def forward(self, x: Tensor, weight: Tensor) -> Tensor:\n    return %s * weight\n"
                    .formatted(scores))
            .child("maps", maps);
    Script having =
        ScriptedModels.script(
                "Having",
                "def forward(self, x: Tensor) -> Tensor:\n    return %s * self.weight\n"
                    .formatted(scores))
            .weight("weight", 1, 8)
            .child("maps", maps);
    try (NativeScope scope = NativeScope.open();
        HookedModel expected = having.load(folder);
        HookedModel model = taking.load(folder)) {
      Tensor input = ProbeInput.of(Device.cpu(), 1, 3, 16, 16);
      Tensor weight = weightOf(folder.resolve("Having.pt"));
      try (ScoreCam cam = ScoreCam.on(model).layer("maps").fixedInputs(weight).batch(3).build();
          ScoreCam reference = ScoreCam.on(expected).layer("maps").batch(3).build();
          Saliency actual = cam.explain(input, Target.ofClass(1));
          Saliency wanted = reference.explain(input, Target.ofClass(1));
          ModelOutput scored =
              model
                  .withFixedInputs(List.of(weight))
                  .scorer(precision, InputShape.of(3, 16, 16))
                  .score(input.to(precision.dtype()))) {
        Goldens.assertClose(wanted.tensor(), actual.tensor(), 1e-5);
        assertEquals(8, scored.tensor().size(1));
      }
    }
  }

  private static Tensor weightOf(Path file) {
    return torch.load(file.toString()).attr("weight").toTensor();
  }

  @Test
  void nothingIsLeftWhicheverModelIsClosedFirst() {
    Path file = net(", weight: Tensor, scale: float = 1.0", MEANS + " * weight").save(folder);
    NativeObjects.assertNoneLeftBy(
        () -> {
          for (boolean boundFirst : new boolean[] {true, false}) {
            HookedModel model = TorchScriptModel.load(file, Device.cpu());
            try (Tensor weight = of(1, 2)) {
              HookedModel bound = model.withFixedInputs(List.of(weight));
              (boundFirst ? bound : model).close();
              if (!boundFirst) {
                assertOutput(bound, 3, 10, 7, 18, 11, 26);
              }
              (boundFirst ? model : bound).close();
            }
          }
        });
  }

  @Test
  void aDefaultIsShownAsPythonWritesIt() {
    Script net =
        net(", w: Tensor, on: bool = False, k: int = 3, s: Optional[Tensor] = None", "y * w");
    try (NativeScope scope = NativeScope.open();
        HookedModel model = net.load(folder)) {
      assertRefused(
          model,
          "(x: Tensor, w: Tensor, on: bool = False, k: int = 3, s: Optional[Tensor] = None)");
    }
  }
}
