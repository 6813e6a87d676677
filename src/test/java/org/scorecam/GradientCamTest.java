package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.GradientCam.Method;
import org.scorecam.error.GradientException;
import org.scorecam.error.InputException;
import org.scorecam.error.LayerException;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.NpyFile;
import org.scorecam.tensor.Tensors;

/** Grad-CAM, Grad-CAM++ and LayerCAM against pytorch-grad-cam's. */
class GradientCamTest {
  private static final double TOLERANCE = 1e-4;
  private static final Path FOLDER = Path.of("src/test/resources");
  private static final HookedModel MODEL = Goldens.model("tinyresnet_script.pt");

  @TempDir Path folder;

  @AfterAll
  static void close() {
    MODEL.close();
  }

  /** A published map. */
  record Case(JsonObject json) {
    private String text(String key) {
      return json.get(key).getAsString();
    }

    boolean smooth() {
      return json.get("smooth").getAsBoolean();
    }

    GradientCam.Builder builder(HookedModel model) {
      GradientCam.Builder builder =
          GradientCam.on(model, Method.valueOf(text("method").toUpperCase(Locale.ROOT)));
      json.getAsJsonArray("layers").forEach(layer -> builder.layer(layer.getAsString()));
      return json.has("layout") ? builder.layout(Layout.parse(text("layout"))) : builder;
    }

    HookedModel model() {
      return TorchScriptModel.load(FOLDER.resolve(text("model")), Device.cpu());
    }

    Tensor input() {
      return NpyFile.read(FOLDER.resolve(text("input")));
    }

    Target target() {
      return Target.ofClass(json.get("class").getAsLong());
    }

    Tensor map() {
      return NpyFile.read(FOLDER.resolve("gradcam").resolve(text("map")));
    }

    @Override
    public String toString() {
      return text("map");
    }
  }

  static List<Case> cases() throws IOException {
    String json = Files.readString(FOLDER.resolve("gradcam/cases.json"));
    return JsonParser.parseString(json).getAsJsonArray().asList().stream()
        .map(JsonElement::getAsJsonObject)
        .map(Case::new)
        .toList();
  }

  static List<Case> plainCases() throws IOException {
    return cases().stream().filter(each -> !each.smooth()).toList();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("plainCases")
  void mapIsThePublishedOne(Case golden) {
    try (HookedModel model = golden.model();
        GradientCam cam = golden.builder(model).build();
        Tensor input = golden.input();
        Tensor expected = golden.map();
        Saliency actual = cam.explain(input, golden.target())) {
      assertClose(expected, actual.tensor(), TOLERANCE);
      assertEquals(0, actual.status().passes());
      assertEquals(List.of(), actual.plan().notes());
    }
  }

  @ParameterizedTest
  @EnumSource
  void mapsDoNotDependOnTheBatchOrOtherTargets(Method method) {
    try (NativeScope scope = NativeScope.open();
        GradientCam cam = GradientCam.on(MODEL, method).layer("layer2").layer("layer3").build()) {
      Tensor three = Goldens.tensor("tinyresnet.batch.input.npy");
      // More than a group.
      Tensor inputs =
          torch.cat(
              new TensorVector(
                  three, three.mul(new Scalar(0.5)), three.mul(new Scalar(1.5)), three.flip(2)),
              0);
      three.close();
      Target difference = Target.of(output -> output.select(1, 2).sub(output.select(1, 7)));
      List<Target> some = List.of(Target.ofClass(3), difference);
      List<List<Target>> targets =
          IntStream.range(0, 12).mapToObj(i -> i % 2 == 0 ? some : List.of(Target.top1())).toList();
      List<List<Saliency>> together = cam.explainBatchTargets(inputs, targets);
      for (int i = 0; i < 12; i++) {
        assertEquals(targets.get(i).size(), together.get(i).size());
        for (int t = 0; t < targets.get(i).size(); t++) {
          try (Saliency shared = together.get(i).get(t);
              Saliency alone = cam.explain(inputs.narrow(0, i, 1), targets.get(i).get(t))) {
            assertClose(alone.tensor(), shared.tensor(), TOLERANCE);
            assertEquals("layer2+layer3", shared.layer());
            assertEquals(alone.referenceScore(), shared.referenceScore(), 1e-4);
          }
        }
      }
    }
  }

  /** What Grad-CAM's authors prove: of a linear head behind a mean, the weights are its own. */
  @Test
  void weightsAreThoseOfALinearHead() {
    try (HookedModel model =
            TorchScriptModel.load(FOLDER.resolve("layouts/tinyvolume_script.pt"), Device.cpu());
        NativeScope scope = NativeScope.open();
        GradientCam cam =
            GradientCam.on(model, Method.GRAD).layer("layer3").recipe(Recipe.TORCHCAM).build();
        Tensor input = NpyFile.read(FOLDER.resolve("layouts/tinyvolume.input.npy"));
        Saliency saliency = cam.explain(input, Target.ofClass(3));
        Saliency other = cam.explain(input, Target.of(o -> o.select(1, 3).mul(new Scalar(2))))) {
      assertEquals(3, saliency.shape().length);
      float[] weights = saliency.weights();
      float[] doubled = other.weights();
      double sum = 0;
      for (int k = 0; k < weights.length; k++) {
        assertEquals(2 * weights[k], doubled[k], 1e-6);
        sum += Math.abs(weights[k]);
      }
      assertTrue(sum > 0);
      assertClose(saliency.tensor(), other.tensor(), TOLERANCE);
      assertTrue(Float.isNaN(saliency.scores()[0]));
    }
  }

  /** A ReLU that works in place leaves the same at the layer before it. */
  @ParameterizedTest
  @EnumSource
  void whatIsLeftOfAnOutputIsExplained(Method method) {
    try (HookedModel model = Goldens.model("inplace/script.pt");
        Tensor input = Goldens.tensor("inplace/input.npy");
        GradientCam before = GradientCam.on(model, method).layer("a").build();
        GradientCam after = GradientCam.on(model, method).layer("act").build();
        Saliency expected = after.explain(input, Target.ofClass(2));
        Saliency actual = before.explain(input, Target.ofClass(2))) {
      assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
      assertTrue(!actual.status().blank());
    }
  }

  @Test
  void layerCamHasAWeightForEachPlaceInsteadOfEachChannel() {
    try (GradientCam cam = GradientCam.on(MODEL, Method.LAYER).layer("layer3").build();
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Saliency saliency = cam.explain(input, Target.top1())) {
      assertArrayEquals(new float[0], saliency.weights());
      assertEquals(64, saliency.status().channels());
      assertEquals(0, saliency.status().scoredChannels());
    }
  }

  @ParameterizedTest
  @EnumSource
  void channelsThatAreNotFiniteAreLeftOut(Method method) {
    String source =
        """
        def forward(self, x: Tensor) -> Tensor:
            return torch.mean(self.block.forward(x), [2, 3])
        """;
    String block =
        """
        def forward(self, x: Tensor) -> Tensor:
            y = torch.mean(x, 1)
            return torch.stack([y * y, %s], 1)
        """;
    float[][] values = new float[2][];
    int run = 0;
    for (String second : List.of("x[:, 0] / 0.", "x[:, 0] * 0.")) {
      try (NativeScope scope = NativeScope.open();
          HookedModel model =
              ScriptedModels.script("Net", source)
                  .child("block", ScriptedModels.script("Block", block.formatted(second)))
                  .load(folder);
          GradientCam cam = GradientCam.on(model, method).layer("block").build()) {
        Tensor input = torch.linspace(new Scalar(0.1), new Scalar(1), 192).reshape(1, 3, 8, 8);
        try (Saliency saliency = cam.explain(input, Target.ofClass(0))) {
          values[run++] = saliency.values();
          assertEquals(second.contains("/") ? 1 : 0, saliency.status().nonFiniteChannels());
          assertTrue(!saliency.status().blank());
        }
      }
    }
    assertArrayEquals(values[1], values[0], 1e-6f);
  }

  @Test
  void whatIsWrongIsSaid() {
    assertThrows(
        LayerException.class, () -> GradientCam.on(MODEL, Method.GRAD).layer("layer9").build());
    assertThrows(IllegalArgumentException.class, () -> GradientCam.on(MODEL, Method.GRAD).build());
    assertThrows(
        IllegalArgumentException.class,
        () -> GradientCam.on(MODEL, Method.GRAD).layer("layer3").layer("layer3").build());
    assertThrows(NullPointerException.class, () -> GradientCam.on(MODEL, null));
    try (NativeScope scope = NativeScope.open();
        GradientCam cam = GradientCam.on(MODEL, Method.GRAD).layer("layer3").build()) {
      Tensor input = Goldens.tensor("tinyresnet.input.npy");
      GradientException refused =
          assertThrows(
              GradientException.class,
              () -> cam.explain(input, Target.of(o -> o.argmax().reshape(1))));
      assertTrue(refused.getMessage().contains("has no gradient"), refused.getMessage());
      assertTrue(refused.getMessage().contains("Score-CAM needs none"), refused.getMessage());
      Tensor wrong = torch.randn(1, 5, 64, 64);
      assertThrows(InputException.class, () -> cam.explain(wrong, Target.top1()));
      NativeObjects.assertNoneLeftBy(
          () -> assertThrows(InputException.class, () -> cam.explain(wrong, Target.top1())));
      GradientCam closed = GradientCam.on(MODEL, Method.GRAD).layer("layer3").build();
      closed.close();
      assertThrows(IllegalStateException.class, () -> closed.explain(input, Target.top1()));
      input.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void nothingIsLeftBehind(Method method) {
    try (NativeScope scope = NativeScope.open();
        GradientCam cam = GradientCam.on(MODEL, method).layer("layer2").layer("layer3").build()) {
      Tensor many = torch.randn(64, 3, 64, 64);
      List<Target> top = Collections.nCopies(64, Target.top1());
      cam.explainBatch(many, top).forEach(Saliency::close);
      Tensor input = torch.randn(2, 3, 64, 64);
      List<List<Target>> targets = List.of(Target.top(2), List.of(Target.ofClass(1)));
      NativeObjects.assertNoneLeftBy(
          () ->
              cam.explainBatchTargets(input, targets)
                  .forEach(ofInput -> ofInput.forEach(Saliency::close)));
      assertEquals("[64, 3, 64, 64]", Tensors.shapeOf(many));
    }
  }
}
