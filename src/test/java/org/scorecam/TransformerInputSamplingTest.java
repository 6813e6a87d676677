package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.error.LayerException;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.NpyFile;
import org.scorecam.zoo.SmallVisionTransformer;

/** Transformer Input Sampling against the published code. */
class TransformerInputSamplingTest {
  private static final double TOLERANCE = 1e-4;
  private static final Path FOLDER = Path.of("src/test/resources");
  private static final String BLOCK = "encoder.layers.encoder_layer_";
  private static final HookedModel SCRIPT =
      TorchScriptModel.load(FOLDER.resolve("layouts/tinyvit_script.pt"), Device.cpu());
  private static final HookedModel JAVA = SmallVisionTransformer.load();

  @AfterAll
  static void close() {
    SCRIPT.close();
    JAVA.close();
  }

  private static Tensor input() {
    return NpyFile.read(FOLDER.resolve("layouts/tinyvit.input.npy"));
  }

  private static TransformerInputSampling.Builder on(HookedModel model) {
    return TransformerInputSampling.on(model).masks(12);
  }

  /** As the published code leaves it: h×w values scaled to [0, 1]. */
  private static Recipe atLayerSize() {
    return new Recipe(
        "tis",
        Recipe.TORCHCAM.masks(),
        Recipe.Score.PROBABILITY,
        Weighting.SCORE,
        Recipe.ConstantChannels.SCORED,
        MapFinish.LAYER_SIZE_MIN_MAX,
        Recipe.TORCHCAM.repeatedCall(),
        Recipe.TORCHCAM.moment());
  }

  @ParameterizedTest
  @CsvSource({
    "tinyvit, 0, 1", "tinyvit, 0, 4", "tinyvit, 5, 1", "tinyvit, 5, 4",
    "zoovit, 0, 1", "zoovit, 0, 4", "zoovit, 5, 1", "zoovit, 5, 4"
  })
  void mapIsThePublishedOne(String network, long seed, long classIndex) {
    String golden = "vit/%s-tis-seed%d-c%d.map.npy".formatted(network, seed, classIndex);
    try (TransformerInputSampling cam =
            on(network.equals("zoovit") ? JAVA : SCRIPT).seed(seed).recipe(atLayerSize()).build();
        Tensor input = input();
        Tensor expected = NpyFile.read(FOLDER.resolve(golden));
        Saliency actual = cam.explain(input, Target.ofClass(classIndex))) {
      assertClose(expected, actual.tensor(), TOLERANCE);
      assertEquals(12, actual.status().passes());
      assertEquals(0, actual.weights().length);
      assertEquals("encoder.dropout", actual.layer());
    }
  }

  @Test
  void theMapHasTheInputsSizeUnlessARecipeSaysOtherwise() {
    try (TransformerInputSampling cam = on(SCRIPT).build();
        Tensor input = input();
        Saliency map = cam.explain(input, Target.top1())) {
      assertArrayEquals(new long[] {32, 32}, map.shape());
    }
  }

  /** The published code has NaN everywhere then. */
  @Test
  void aTokenThatNoMaskKeepsIsZero() {
    try (TransformerInputSampling cam =
            on(SCRIPT).masks(1).kept(0.3).recipe(atLayerSize()).build();
        Tensor input = input();
        Saliency map = cam.explain(input, Target.ofClass(1))) {
      // One mask: all that it keeps have the same score, which is the lowest and the highest.
      assertTrue(map.status().blank());
    }
    try (TransformerInputSampling cam =
            on(SCRIPT).masks(3).kept(0.07).recipe(atLayerSize()).build();
        Tensor input = input();
        Saliency map = cam.explain(input, Target.ofClass(1))) {
      long kept = 0;
      for (float[] row : map.toArray()) {
        for (float value : row) {
          assertTrue(value >= 0 && value <= 1, "a value is " + value);
          kept += value > 0 ? 1 : 0;
        }
      }
      assertTrue(kept <= 3, kept + " tokens have a value, of three masks that keep one each");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 64})
  void mapsDoNotDependOnTheChunksTheBatchOrTheOtherTargets(int rows) {
    for (HookedModel model : List.of(SCRIPT, JAVA)) {
      try (NativeScope scope = NativeScope.open();
          TransformerInputSampling cam = on(model).batch(rows).workers(2).build();
          TransformerInputSampling alone = on(model).build()) {
        Tensor one = input();
        Tensor inputs = torch.cat(new TensorVector(one, one.flip(-1), one.neg()), 0);
        List<Target> targets = List.of(Target.ofClass(1), Target.ofClass(4));
        List<List<Saliency>> maps =
            cam.explainBatchTargets(inputs, Collections.nCopies(3, targets));
        for (int i = 0; i < 3; i++) {
          for (int t = 0; t < 2; t++) {
            try (Saliency actual = maps.get(i).get(t);
                Saliency expected = alone.explain(inputs.narrow(0, i, 1), targets.get(t))) {
              assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
            }
          }
        }
      }
    }
  }

  @Test
  void layersCanBeNamed() {
    try (TransformerInputSampling found = on(SCRIPT).build();
        TransformerInputSampling named =
            on(SCRIPT)
                .embedding("encoder.dropout")
                .layers(BLOCK + 0, BLOCK + 1, BLOCK + 2)
                .layout(Layout.tokens(1))
                .build();
        TransformerInputSampling last = on(SCRIPT).layers(BLOCK + 2).build();
        Tensor input = input();
        Saliency expected = found.explain(input, Target.top1());
        Saliency actual = named.explain(input, Target.top1());
        Saliency other = last.explain(input, Target.top1())) {
      assertClose(expected.tensor(), actual.tensor(), 1e-6);
      assertTrue(MapAgreement.of(expected.values(), other.values()).correlation() < 0.999);
    }
  }

  @Test
  void noMoreMasksAreMadeThanThereAreChannels() {
    List<Long> told = new ArrayList<>();
    try (TransformerInputSampling cam =
            TransformerInputSampling.on(SCRIPT)
                .progress((scored, total) -> told.add(total))
                .build();
        Tensor input = input();
        Saliency map = cam.explain(input, Target.top1())) {
      assertEquals(3 * 16, map.status().passes());
      assertEquals(48, told.get(0));
    }
  }

  @Test
  void whatIsNoTransformerIsRefused() {
    try (HookedModel cnn = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      String unknown = assertThrows(IllegalArgumentException.class, on(cnn)::build).getMessage();
      assertTrue(unknown.contains("name those where the tokens are with embedding(…)"), unknown);
      TransformerInputSampling.Builder named = on(cnn).embedding("layer2").layers("layer3");
      try (TransformerInputSampling cam = named.build()) {
        String maps =
            assertThrows(LayerException.class, () -> cam.explain(input, Target.top1()))
                .getMessage();
        assertTrue(maps.contains("tokens are left out of what layer 'layer2' puts out"), maps);
      }
      assertThrows(IllegalArgumentException.class, () -> on(cnn).embedding("layer2").build());
    }
  }

  @Test
  void aNetworkThatNeedsAllOfItsTokensIsRefused(@TempDir Path folder) {
    String twice = "def forward(self, x: Tensor) -> Tensor:\n    return 2. * x\n";
    try (NativeScope scope = NativeScope.open();
        HookedModel model =
            ScriptedModels.script(
                    "Net",
                    """
                    def forward(self, x: Tensor) -> Tensor:
                        tokens = self.embedding.forward(torch.transpose(torch.flatten(x, 2), 1, 2))
                        return torch.mean(torch.reshape(self.block.forward(tokens), [-1, 16, 3]), 1)
                    """)
                .child("embedding", ScriptedModels.script("Embedding", twice))
                .child("block", ScriptedModels.script("Block", twice))
                .load(folder);
        TransformerInputSampling cam =
            TransformerInputSampling.on(model)
                .embedding("embedding")
                .layers("block")
                .kept(0.4)
                .build()) {
      Tensor input = torch.rand(1, 3, 4, 4);
      String refusal =
          assertThrows(LayerException.class, () -> cam.explain(input, Target.ofClass(1)))
              .getMessage();
      assertTrue(
          refusal.startsWith(
              "the network cannot be run with fewer tokens from layer 'embedding' on: "),
          refusal);
    }
  }

  @Test
  void wrongLayersAndNumbersAreRefused() {
    assertThrows(LayerException.class, () -> on(SCRIPT).embedding("encoder.drop").build());
    assertThrows(LayerException.class, () -> on(SCRIPT).embedding(BLOCK + "0.ln_1").build());
    assertThrows(
        IllegalArgumentException.class, () -> on(SCRIPT).layers(BLOCK + 0, BLOCK + 0).build());
    for (double part : new double[] {0, 1, -0.5, Double.NaN}) {
      assertThrows(IllegalArgumentException.class, () -> on(SCRIPT).kept(part));
    }
    assertThrows(IllegalArgumentException.class, () -> on(SCRIPT).masks(0));
    assertThrows(IllegalArgumentException.class, () -> on(SCRIPT).batch(0));
    try (TransformerInputSampling cam = on(SCRIPT).kept(0.05).build();
        Tensor input = input()) {
      String none =
          assertThrows(LayerException.class, () -> cam.explain(input, Target.top1())).getMessage();
      assertTrue(none.contains("puts out 16 tokens"), none);
    }
  }

  @Test
  void nothingIsLeftBehind() {
    torch.manual_seed(4);
    try (NativeScope scope = NativeScope.open()) {
      Tensor many = torch.randn(64, 3, 32, 32);
      for (HookedModel model : List.of(SCRIPT, JAVA)) {
        try (TransformerInputSampling cam = on(model).build();
            Tensor input = input()) {
          cam.explainBatch(many, Collections.nCopies(64, Target.top1())).forEach(Saliency::close);
          NativeObjects.assertNoneLeftBy(() -> cam.explain(input, Target.top1()).close());
        }
      }
    }
  }
}
