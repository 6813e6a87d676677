package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.FeatureCam.Method;
import org.scorecam.error.LayerException;
import org.scorecam.model.Capture;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.RepeatedCall;
import org.scorecam.runtime.NativeScope;

/** Ablation-CAM against pytorch-grad-cam's, Recipro-CAM against its authors'. */
class FeatureCamTest {
  private static final double TOLERANCE = 1e-4;
  private static final HookedModel MODEL = Goldens.model("tinyresnet_script.pt");

  @TempDir Path folder;

  /** As the authors leave it: h×w values scaled to [0, 1]. */
  private static final Recipe AT_LAYER_SIZE =
      new Recipe(
          "recipro-cam",
          Recipe.TORCHCAM.masks(),
          Recipe.Score.PROBABILITY,
          Weighting.SCORE,
          Recipe.ConstantChannels.SCORED,
          MapFinish.LAYER_SIZE_MIN_MAX,
          RepeatedCall.LAST,
          Recipe.TORCHCAM.moment());

  @AfterAll
  static void close() {
    MODEL.close();
  }

  private static Saliency explain(FeatureCam.Builder builder, long classIndex) {
    try (FeatureCam cam = builder.build();
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      return cam.explain(input, Target.ofClass(classIndex));
    }
  }

  @ParameterizedTest
  @CsvSource({"layer2, 3", "layer2, 8", "layer3, 3", "layer3, 8"})
  void ablationGivesThePublishedMap(String layer, long classIndex) {
    try (Saliency actual = explain(FeatureCam.on(MODEL, Method.ABLATION).layer(layer), classIndex);
        Tensor expected =
            Goldens.tensor("tinyresnet-%s-c%d-ablation.map.npy".formatted(layer, classIndex))) {
      assertClose(expected, actual.tensor(), TOLERANCE);
    }
  }

  @ParameterizedTest
  @CsvSource({"layer2, 3, 256", "layer2, 8, 256", "layer3, 3, 64", "layer3, 8, 64"})
  void reciproGivesThePublishedMap(String layer, long classIndex, long places) {
    FeatureCam.Builder builder =
        FeatureCam.on(MODEL, Method.RECIPRO).layer(layer).recipe(AT_LAYER_SIZE);
    try (Saliency actual = explain(builder, classIndex);
        Tensor expected =
            Goldens.tensor("tinyresnet-%s-c%d-recipro.map.npy".formatted(layer, classIndex))) {
      assertClose(expected, actual.tensor(), TOLERANCE);
      assertEquals(places, actual.status().passes());
      assertEquals(0, actual.weights().length);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"layer1", "layer2", "layer3", "layer3.0", "avgpool"})
  void theNetworkFromALayerOnComputesTheSame(String layer) {
    try (HookedModel after = MODEL.from(layer);
        Tensor input = Goldens.tensor("tinyresnet.batch.input.npy");
        Capture capture = MODEL.capture(input, List.of(layer), RepeatedCall.LAST);
        ModelOutput actual = after.forward(capture.activations().get(0))) {
      assertClose(capture.output().tensor(), actual.tensor(), 1e-6);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 64})
  void mapsDoNotDependOnTheChunksOrTheBatch(int rows) {
    for (Method method : List.of(Method.ABLATION, Method.RECIPRO)) {
      try (FeatureCam cam = FeatureCam.on(MODEL, method).layer("layer3").batch(rows).build();
          FeatureCam alone = FeatureCam.on(MODEL, method).layer("layer3").build();
          Tensor inputs = Goldens.tensor("tinyresnet.batch.input.npy")) {
        List<Target> targets = List.of(Target.ofClass(3), Target.top1(), Target.ofClass(0));
        List<Saliency> maps = cam.explainBatch(inputs, targets);
        for (int i = 0; i < maps.size(); i++) {
          try (Saliency actual = maps.get(i);
              Tensor input = inputs.narrow(0, i, 1);
              Saliency expected = alone.explain(input, targets.get(i))) {
            assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
          }
        }
      }
    }
  }

  @Test
  void anInputWhoseChannelsSeemToComeLastIsToldOf() {
    try (NativeScope scope = NativeScope.open();
        HookedModel model =
            ScriptedModels.script(
                    "Net",
                    """
                    def forward(self, x: Tensor) -> Tensor:
                        return torch.mean(self.block.forward(x), [2, 3])
                    """)
                .child(
                    "block",
                    ScriptedModels.script(
                        "Block",
                        """
                        def forward(self, x: Tensor) -> Tensor:
                            return torch.relu(x)
                        """))
                .load(folder);
        FeatureCam cam = FeatureCam.on(model, Method.RECIPRO).layer("block").build();
        Saliency map = cam.explain(torch.rand(1, 8, 8, 3), Target.ofClass(1))) {
      assertEquals(1, map.plan().notes().size());
      assertTrue(map.plan().notes().get(0).contains("channels come last"));
    }
  }

  /** Its score is a probability already: σ of the first map's mean, of a box known beforehand. */
  private HookedModel detector() {
    return ScriptedModels.script(
            "Net",
            """
            def forward(self, x: Tensor) -> List[Dict[str, Tensor]]:
                maps = self.block.forward(x)
                detections : List[Dict[str, Tensor]] = []
                for i in range(maps.size(0)):
                    score = torch.sigmoid(maps[i][0].mean()).reshape([1])
                    detections.append({"boxes": torch.tensor([[0., 0., 4., 2.]]), "labels": torch.tensor([2]), "scores": score})
                return detections
            """)
        .child(
            "block",
            ScriptedModels.script(
                "Block",
                """
                def forward(self, x: Tensor) -> Tensor:
                    return torch.relu(x)
                """))
        .load(folder);
  }

  @Test
  void aDetectionIsScoredAsItIs() {
    // Half of the box that is asked for.
    Target target = Target.detection(new BoundingBox(0, 0, 4, 4), 2);
    torch.manual_seed(2);
    try (NativeScope scope = NativeScope.open();
        HookedModel model = detector();
        FeatureCam ablation = FeatureCam.on(model, Method.ABLATION).layer("block").build();
        FeatureCam recipro = FeatureCam.on(model, Method.RECIPRO).layer("block").build()) {
      Tensor input = torch.rand(1, 3, 4, 4).mul(new Scalar(8.0));
      Tensor first = input.select(1, 0);
      float score = first.mean().sigmoid().div(new Scalar(2.0)).item_float();
      try (Saliency map = ablation.explain(input, target)) {
        assertEquals(score, map.referenceScore(), 1e-6);
        assertArrayEquals(new float[] {0.25f, score, score}, map.scores(), 1e-6f);
      }
      Tensor places = first.div(new Scalar(16.0)).sigmoid().squeeze(0);
      Tensor expected = places.sub(places.min()).div(places.max().sub(places.min()));
      try (Saliency map = recipro.explain(input, target)) {
        assertClose(expected, map.tensor(), 1e-5);
      }
    }
  }

  @Test
  void aResidualAroundTheLayerIsRefused() {
    LayerException refusal = assertThrows(LayerException.class, () -> MODEL.from("layer3.1.conv2"));
    assertTrue(
        refusal
            .getMessage()
            .startsWith("the network cannot be run from layer 'layer3.1.conv2' on:"),
        refusal.getMessage());
    assertTrue(refusal.getMessage().contains("residual"), refusal.getMessage());
    assertThrows(LayerException.class, () -> MODEL.from("layer9"));
  }

  @Test
  void aLayerThatIsNotCalledIsRefused() {
    try (HookedModel model =
        ScriptedModels.script("Idle", "def forward(self, x: Tensor) -> Tensor:\n    return x\n")
            .child("block", ScriptedModels.timesPlus(1, 0))
            .load(folder)) {
      LayerException refusal = assertThrows(LayerException.class, () -> model.from("block"));
      assertTrue(refusal.getMessage().contains("block"), refusal.getMessage());
    }
  }

  @Test
  void aLayerThatIsCalledTwiceIsRefused() {
    try (HookedModel model = Goldens.model("tinyreuse_script.pt")) {
      LayerException refusal = assertThrows(LayerException.class, () -> model.from("block"));
      assertTrue(refusal.getMessage().contains("calls the layer 2 times"), refusal.getMessage());
    }
  }
}
