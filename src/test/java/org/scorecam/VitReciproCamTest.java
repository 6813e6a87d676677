package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.FeatureCam.Method;
import org.scorecam.FeatureCam.PlaceMask;
import org.scorecam.error.LayerException;
import org.scorecam.model.Capture;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.ModuleModel;
import org.scorecam.model.Precision;
import org.scorecam.model.RepeatedCall;
import org.scorecam.model.Scorer;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.NpyFile;
import org.scorecam.tensor.Tensors;
import org.scorecam.zoo.SmallVisionTransformer;
import org.scorecam.zoo.Zoo;
import org.scorecam.zoo.ZooOptions;

/** ViT-Recipro-CAM against its authors' code, and Java networks from a layer on. */
class VitReciproCamTest {
  private static final double TOLERANCE = 1e-4;
  private static final Path FOLDER = Path.of("src/test/resources");
  private static final String BLOCK = "encoder.layers.encoder_layer_";
  private static final HookedModel SCRIPT =
      TorchScriptModel.load(FOLDER.resolve("layouts/tinyvit_script.pt"), Device.cpu());
  private static final HookedModel JAVA = SmallVisionTransformer.load();

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
    SCRIPT.close();
    JAVA.close();
  }

  private static Tensor input() {
    return NpyFile.read(FOLDER.resolve("layouts/tinyvit.input.npy"));
  }

  private static void assertGolden(String golden, FeatureCam.Builder builder, long classIndex) {
    try (FeatureCam cam = builder.recipe(AT_LAYER_SIZE).build();
        Tensor input = input();
        Tensor expected = NpyFile.read(FOLDER.resolve("vit/" + golden + ".map.npy"));
        Saliency actual = cam.explain(input, Target.ofClass(classIndex))) {
      assertClose(expected, actual.tensor(), TOLERANCE);
      assertEquals(16, actual.status().passes());
      assertEquals(0, actual.weights().length);
    }
  }

  @Test
  void theZoosNetworkIsTheOneThatGoldensWereMadeWith() {
    try (Tensor input = input();
        Tensor expected = NpyFile.read(FOLDER.resolve("vit/zoovit.output.npy"));
        ModelOutput actual = JAVA.forward(input)) {
      assertClose(expected, actual.tensor(), 1e-5);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "resnet18, layer3",
    "resnet18, avgpool",
    "mobilenet_v3_small, features.9",
    "densenet121, features.transition3",
    "swin_t, features.5"
  })
  void theZoosNetworksRunFromALayerOn(String name, String layer) {
    torch.manual_seed(3);
    try (NativeScope scope = NativeScope.open();
        HookedModel model =
            ModuleModel.of(Zoo.create(name, new ZooOptions(5, 3)).retainReference(), Device.cpu());
        HookedModel after = model.from(layer)) {
      Tensor inputs = torch.rand(3, 3, 64, 64);
      try (Capture capture = model.capture(inputs, List.of(layer), RepeatedCall.LAST)) {
        Tensor features = capture.activations().get(0);
        Scorer scorer = after.scorer(Precision.FLOAT32, InputShape.ofRowsIn(features));
        Tensor chunk = Tensors.inFormat(features, scorer.memoryFormat()).clone();
        try (ModelOutput actual = after.forward(features);
            ModelOutput scored = scorer.score(chunk)) {
          assertClose(capture.output().tensor(), actual.tensor(), 1e-5);
          assertClose(capture.output().tensor(), scored.tensor(), 1e-4);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, GAUSSIAN, 1", "0, GAUSSIAN, 4", "0, SINGLE, 1", "0, SINGLE, 4",
    "1, GAUSSIAN, 1", "1, GAUSSIAN, 4", "1, SINGLE, 1", "1, SINGLE, 4"
  })
  void mapIsThePublishedOne(int block, PlaceMask mask, long classIndex) {
    String written = mask == PlaceMask.SINGLE ? "single" : "gaussian";
    assertGolden(
        "tinyvit-recipro-block%d-%s-c%d".formatted(block, written, classIndex),
        FeatureCam.on(SCRIPT, Method.VIT_RECIPRO).layer(BLOCK + block).placeMask(mask),
        classIndex);
  }

  @Test
  void theCustomaryBlockIsTheLastButTwo() {
    assertEquals(Optional.of(BLOCK + 0), FeatureCam.defaultLayer(JAVA, Method.VIT_RECIPRO));
    assertEquals(Optional.of(BLOCK + 0), FeatureCam.defaultLayer(SCRIPT, Method.VIT_RECIPRO));
    assertEquals(JAVA.defaultLayer(), FeatureCam.defaultLayer(JAVA, Method.RECIPRO));
    for (long classIndex : new long[] {1, 4}) {
      assertGolden(
          "tinyvit-recipro-block0-gaussian-c" + classIndex,
          FeatureCam.on(SCRIPT, Method.VIT_RECIPRO),
          classIndex);
      assertGolden(
          "zoovit-recipro-block0-gaussian-c" + classIndex,
          FeatureCam.on(JAVA, Method.VIT_RECIPRO),
          classIndex);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 64})
  void mapsDoNotDependOnTheChunksTheBatchOrTheWorkers(int rows) {
    for (HookedModel model : List.of(SCRIPT, JAVA)) {
      FeatureCam.Builder builder = FeatureCam.on(model, Method.VIT_RECIPRO).batch(rows).workers(2);
      try (NativeScope scope = NativeScope.open();
          FeatureCam cam = builder.build();
          FeatureCam alone = FeatureCam.on(model, Method.VIT_RECIPRO).build()) {
        Tensor one = input();
        Tensor inputs = torch.cat(new TensorVector(one, one.flip(-1), one.neg()), 0);
        List<Target> targets = List.of(Target.ofClass(1), Target.top1(), Target.ofClass(4));
        List<Saliency> maps = cam.explainBatch(inputs, targets);
        for (int i = 0; i < 3; i++) {
          try (Saliency actual = maps.get(i);
              Saliency expected = alone.explain(inputs.narrow(0, i, 1), targets.get(i))) {
            assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
          }
        }
      }
    }
  }

  @Test
  void aReducedPrecisionMasksLikewise() {
    for (HookedModel model : List.of(SCRIPT, JAVA)) {
      torch.manual_seed(1);
      try (NativeScope scope = NativeScope.open();
          Capture run = model.capture(input(), List.of(), RepeatedCall.LAST);
          HookedModel after = model.fromWithTokenMask(BLOCK + 0)) {
        Tensor rows = torch.rand(3, 17, 17);
        Scorer reduced = after.scorer(Precision.BFLOAT16, InputShape.of(17, 17));
        try (ModelOutput expected = after.scorer().score(rows);
            ModelOutput actual = reduced.score(rows.to(reduced.dtype()).contiguous())) {
          assertClose(expected.tensor(), actual.tensor().to(torch.ScalarType.Float), 0.05);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"conv_proj", "encoder.dropout", BLOCK + "0", BLOCK + "2", "encoder"})
  void aJavaNetworkFromALayerOnComputesTheSame(String layer) {
    try (NativeScope scope = NativeScope.open();
        HookedModel after = JAVA.from(layer)) {
      Tensor inputs = torch.cat(new TensorVector(input(), input().flip(-1), input().neg()), 0);
      try (Capture capture = JAVA.capture(inputs, List.of(layer), RepeatedCall.LAST);
          ModelOutput plain = after.forward(capture.activations().get(0));
          ModelOutput scored = after.scorer().score(capture.activations().get(0))) {
        assertClose(capture.output().tensor(), plain.tensor(), 1e-6);
        assertClose(capture.output().tensor(), scored.tensor(), 1e-5);
      }
    }
  }

  @Test
  void aResidualAroundAJavaNetworksLayerIsRefused() {
    try (FeatureCam cam = FeatureCam.on(JAVA, Method.RECIPRO).layer(BLOCK + "1.ln_1").build();
        Tensor input = input()) {
      LayerException refusal =
          assertThrows(LayerException.class, () -> cam.explain(input, Target.ofClass(1)));
      assertTrue(
          refusal.getMessage().startsWith("the network cannot be run from layer '" + BLOCK),
          refusal.getMessage());
      assertTrue(refusal.getMessage().contains("residual"), refusal.getMessage());
    }
    assertThrows(LayerException.class, () -> JAVA.from("encoder.layer"));
  }

  @Test
  void aJavaNetworkIsRunBeforeItIsRunFromALayerOn() {
    try (HookedModel fresh = SmallVisionTransformer.load();
        HookedModel after = fresh.from(BLOCK + 1);
        NativeScope scope = NativeScope.open()) {
      LayerException refusal =
          assertThrows(LayerException.class, () -> after.forward(torch.zeros(1, 17, 16)));
      assertTrue(refusal.getMessage().contains("has not been run yet"), refusal.getMessage());
    }
  }

  @Test
  void whatHasNoTokensBehindANormIsRefused() {
    try (HookedModel cnn = Goldens.model("tinyresnet_script.pt")) {
      FeatureCam.Builder builder = FeatureCam.on(cnn, Method.VIT_RECIPRO);
      assertTrue(
          assertThrows(IllegalArgumentException.class, builder::build)
              .getMessage()
              .contains("no target layer is named"));
      LayerException refusal =
          assertThrows(LayerException.class, () -> builder.layer("layer3").build());
      assertTrue(refusal.getMessage().contains("no layer norm reads"), refusal.getMessage());
    }
    assertThrows(LayerException.class, () -> SCRIPT.fromWithTokenMask("heads"));
    try (FeatureCam cam = FeatureCam.on(JAVA, Method.VIT_RECIPRO).layer("encoder").build();
        Tensor input = input()) {
      LayerException refusal =
          assertThrows(LayerException.class, () -> cam.explain(input, Target.ofClass(1)));
      assertTrue(refusal.getMessage().contains("no layer norm follows"), refusal.getMessage());
    }
    FeatureCam.Builder maps =
        FeatureCam.on(SCRIPT, Method.VIT_RECIPRO).layer(BLOCK + 0).layout(Layout.CHANNELS_LAST);
    try (FeatureCam cam = maps.build();
        Tensor input = input()) {
      assertThrows(LayerException.class, () -> cam.explain(input, Target.ofClass(1)));
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> FeatureCam.on(SCRIPT, Method.ABLATION).placeMask(PlaceMask.SINGLE));
  }

  @Test
  void nothingIsLeftBehind() {
    try (NativeScope scope = NativeScope.open()) {
      Tensor many = torch.randn(64, 3, 32, 32);
      List<Target> targets = Collections.nCopies(64, Target.top1());
      for (HookedModel model : List.of(SCRIPT, JAVA)) {
        try (FeatureCam cam = FeatureCam.on(model, Method.VIT_RECIPRO).build();
            Tensor input = input()) {
          cam.explainBatch(many, targets).forEach(Saliency::close);
          NativeObjects.assertNoneLeftBy(() -> cam.explain(input, Target.top1()).close());
        }
      }
    }
  }
}
