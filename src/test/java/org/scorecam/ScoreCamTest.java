package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.error.LayerException;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** What an explanation does not depend on, and how it is asked for. */
class ScoreCamTest {
  private static final double TOLERANCE = 1e-5;
  private static final Target TARGET = Target.ofClass(3);

  private static HookedModel resnet;
  private static HookedModel gray;
  private static Tensor input;
  private static Tensor inputs;

  @TempDir Path folder;

  @BeforeAll
  static void load() {
    resnet = Goldens.model("tinyresnet_script.pt");
    gray = Goldens.model("tinygray_script.pt");
    input = Goldens.tensor("tinyresnet.input.npy");
    inputs = Goldens.tensor("tinyresnet.batch.input.npy");
  }

  @AfterAll
  static void close() {
    resnet.close();
    gray.close();
    input.close();
    inputs.close();
  }

  static List<Recipe> recipes() {
    return Recipe.published();
  }

  private static ScoreCam.Builder on(Recipe recipe) {
    return ScoreCam.on(resnet).layer("layer3").recipe(recipe);
  }

  private static float[] mapOf(ScoreCam cam, Tensor image, Target target) {
    try (cam;
        Saliency saliency = cam.explain(image, target)) {
      return Tensors.toArray(saliency.tensor());
    }
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void theMapDoesNotDependOnTheChunkSize(Recipe recipe) {
    float[] expected = mapOf(on(recipe).build(), input, TARGET);
    for (int rows : new int[] {1, 7, 64, 1000}) {
      assertClose(expected, mapOf(on(recipe).batch(rows).build(), input, TARGET), TOLERANCE);
    }
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void aBatchGivesTheMapsOfItsInputsOneByOne(Recipe recipe) {
    List<Target> targets =
        List.of(Target.ofClass(8), Target.top1(), Target.of(output -> output.select(1, 0)));
    List<float[]> expected = new ArrayList<>();
    try (ScoreCam cam = on(recipe).build()) {
      for (int i = 0; i < targets.size(); i++) {
        try (Tensor one = inputs.narrow(0, i, 1);
            Saliency saliency = cam.explain(one, targets.get(i))) {
          expected.add(Tensors.toArray(saliency.tensor()));
        }
      }
    }
    // Chunks that span images; and fewer rows than images.
    for (int rows : new int[] {2, 7, 32}) {
      try (ScoreCam cam = on(recipe).batch(rows).build()) {
        List<Saliency> batch = cam.explainBatch(inputs, targets);
        assertEquals(3, batch.size());
        for (int i = 0; i < batch.size(); i++) {
          try (Saliency saliency = batch.get(i)) {
            assertClose(expected.get(i), Tensors.toArray(saliency.tensor()), TOLERANCE);
          }
        }
      }
    }
  }

  @Test
  void aBatchMayHoldInputsWhoseMapsDiffer() {
    try (ScoreCam cam = on(Recipe.TISKW).build()) {
      List<Saliency> maps =
          cam.explainBatch(inputs, List.of(TARGET, Target.ofClass(1), Target.ofClass(5)));
      double difference =
          Goldens.relativeError(
              Tensors.toArray(maps.get(0).tensor()), Tensors.toArray(maps.get(1).tensor()));
      assertTrue(difference > 0.01, "the images' maps are alike: " + difference);
      assertEquals(5, maps.get(2).target().classIndex().orElseThrow());
      maps.forEach(Saliency::close);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"layer1.0.conv1", "layer2", "layer3.0.downsample"})
  void theMapIsThatOfTheAlgorithmAsItIsWritten(String layer) {
    try (ScoreCam cam = ScoreCam.on(resnet).layer(layer).build();
        Saliency saliency = cam.explain(input, Target.ofClass(6));
        Tensor expected = PaperScoreCam.explain(resnet, layer, input, 6)) {
      assertClose(expected, saliency.tensor(), 1e-4);
    }
  }

  @Test
  void inputsWithoutABatchDimensionAreTaken() {
    float[] expected = mapOf(on(Recipe.TISKW).build(), input, TARGET);
    try (Tensor one = input.squeeze(0)) {
      assertClose(expected, mapOf(on(Recipe.TISKW).build(), one, TARGET), TOLERANCE);
    }
  }

  @Test
  void inputsOfAnyStridesAreTaken() {
    float[] expected = mapOf(on(Recipe.TISKW).build(), input, TARGET);
    try (NativeScope scope = NativeScope.open()) {
      Tensor strided = input.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
      assertFalse(strided.is_contiguous());
      assertClose(expected, mapOf(on(Recipe.TISKW).build(), strided, TARGET), TOLERANCE);
    }
  }

  @Test
  void doublesAreTaken() {
    float[] expected = mapOf(on(Recipe.TISKW).build(), input, TARGET);
    try (Tensor doubles = input.to(ScalarType.Double)) {
      assertClose(expected, mapOf(on(Recipe.TISKW).build(), doubles, TARGET), TOLERANCE);
    }
  }

  @Test
  void picturesWithChannelsLastAreTaken() {
    float[] values = Tensors.toArray(input);
    float[][][] image = new float[64][64][3];
    for (int y = 0; y < 64; y++) {
      for (int x = 0; x < 64; x++) {
        for (int c = 0; c < 3; c++) {
          image[y][x][c] = values[(c * 64 + y) * 64 + x];
        }
      }
    }
    float[] expected = mapOf(on(Recipe.TISKW).build(), input, TARGET);
    try (ScoreCam cam = on(Recipe.TISKW).build();
        Saliency saliency = cam.explain(image, TARGET)) {
      assertArrayEquals(expected, Tensors.toArray(saliency.tensor()));
    }
  }

  @Test
  void greyPicturesThatAreNotSquareAreTaken() {
    try (Tensor tensor = Goldens.tensor("tinygray.input.npy");
        ScoreCam cam = ScoreCam.on(gray).layer("layer3").build();
        Saliency expected = cam.explain(tensor, Target.ofClass(2))) {
      float[] values = Tensors.toArray(tensor);
      float[][] image = new float[48][80];
      for (int y = 0; y < 48; y++) {
        System.arraycopy(values, 80 * y, image[y], 0, 80);
      }
      try (Saliency actual = cam.explain(image, Target.ofClass(2))) {
        assertEquals(48, actual.height());
        assertEquals(80, actual.width());
        float[][] rows = actual.toArray();
        assertEquals(48, rows.length);
        assertEquals(80, rows[0].length);
        for (int y = 0; y < 48; y++) {
          assertArrayEquals(expected.toArray()[y], rows[y], (float) TOLERANCE);
        }
      }
    }
  }

  @Test
  void oneScoreCamTakesInputsOfDifferentSizes() {
    try (ScoreCam cam = on(Recipe.TISKW).build();
        Tensor wide = Tensors.of(new float[3 * 40 * 72], 1, 3, 40, 72);
        Saliency first = cam.explain(input, TARGET);
        Saliency other = cam.explain(wide, TARGET);
        Saliency again = cam.explain(input, TARGET)) {
      assertEquals(40, other.height());
      assertEquals(72, other.width());
      assertArrayEquals(first.toArray(), again.toArray());
    }
  }

  @Test
  void theInputIsNotChanged() {
    float[] before = Tensors.toArray(input);
    for (Recipe recipe : Recipe.published()) {
      mapOf(on(recipe).build(), input, TARGET);
      assertArrayEquals(before, Tensors.toArray(input), recipe.name());
    }
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void severalLayersAreFusedFromTheirOwnMaps(Recipe recipe) {
    try (ScoreCam cam = ScoreCam.on(resnet).layers("layer2", "layer3").recipe(recipe).build();
        Saliency fused = cam.explain(input, TARGET)) {
      List<Saliency> layers = cam.explainLayers(input, TARGET);
      assertEquals(List.of("layer2", "layer3"), layers.stream().map(Saliency::layer).toList());
      assertEquals("layer2+layer3", fused.layer());
      assertEquals(0, fused.weights().length);
      try (Saliency expected = Saliency.fuse(layers)) {
        assertClose(expected.tensor(), fused.tensor(), TOLERANCE);
        assertEquals(expected.status(), fused.status());
        assertEquals(
            layers.get(0).status().passes() + layers.get(1).status().passes(),
            fused.status().passes());
      }
      for (Saliency layer : layers) {
        float[] alone =
            mapOf(ScoreCam.on(resnet).layer(layer.layer()).recipe(recipe).build(), input, TARGET);
        assertClose(alone, Tensors.toArray(layer.tensor()), TOLERANCE);
        layer.close();
      }
    }
  }

  @Test
  void aBatchOverSeveralLayersGivesEachImageItsOwn() {
    try (ScoreCam cam = ScoreCam.on(resnet).layers("layer2", "layer3").batch(9).build()) {
      List<Target> targets = List.of(TARGET, Target.ofClass(8), Target.ofClass(0));
      List<List<Saliency>> maps = cam.explainBatchLayers(inputs, targets);
      List<Saliency> fused = cam.explainBatch(inputs, targets);
      for (int i = 0; i < 3; i++) {
        try (Tensor one = inputs.narrow(0, i, 1)) {
          List<Saliency> expected = cam.explainLayers(one, targets.get(i));
          for (int l = 0; l < 2; l++) {
            assertClose(expected.get(l).tensor(), maps.get(i).get(l).tensor(), TOLERANCE);
          }
          try (Saliency both = Saliency.fuse(expected)) {
            assertClose(both.tensor(), fused.get(i).tensor(), TOLERANCE);
          }
          expected.forEach(Saliency::close);
        }
        maps.get(i).forEach(Saliency::close);
        fused.get(i).close();
      }
    }
  }

  @Test
  void mapsOfDifferentRecipesAreNotFused() {
    try (ScoreCam one = on(Recipe.TISKW).build();
        ScoreCam other = on(Recipe.TORCHCAM).build();
        Saliency first = one.explain(input, TARGET);
        Saliency second = other.explain(input, TARGET)) {
      String message =
          assertThrows(IllegalArgumentException.class, () -> Saliency.fuse(List.of(first, second)))
              .getMessage();
      assertTrue(message.endsWith("tiskw, torchcam"), message);
      assertThrows(IllegalArgumentException.class, () -> Saliency.fuse(List.of()));
    }
  }

  @Test
  void theStrongestChannelsAloneAreScored() {
    for (int count : new int[] {1, 5, 16}) {
      List<Long> scored = new ArrayList<>();
      try (ScoreCam cam =
              on(Recipe.TISKW)
                  .channels(ChannelSelection.topMax(count))
                  .batch(3)
                  .progress((done, total) -> scored.add(done))
                  .build();
          Saliency saliency = cam.explain(input, TARGET)) {
        assertEquals(count, saliency.status().scoredChannels());
        assertEquals(count, saliency.status().passes());
        assertEquals(count, scored.get(scored.size() - 1));
        int withWeight = 0;
        float[] weights = saliency.weights();
        float[] scores = saliency.scores();
        assertEquals(saliency.status().channels(), weights.length);
        for (int k = 0; k < weights.length; k++) {
          assertEquals(weights[k] != 0, Float.isFinite(scores[k]), "channel " + k);
          withWeight += weights[k] != 0 ? 1 : 0;
        }
        assertEquals(count, withWeight);
      }
    }
  }

  @Test
  void moreChannelsThanThereAreMeansAll() {
    float[] all = mapOf(on(Recipe.TISKW).build(), input, TARGET);
    float[] many =
        mapOf(on(Recipe.TISKW).channels(ChannelSelection.topMax(100_000)).build(), input, TARGET);
    assertClose(all, many, TOLERANCE);
  }

  @Test
  void progressRisesToTheTotal() {
    List<Long> scored = new ArrayList<>();
    List<Long> totals = new ArrayList<>();
    try (ScoreCam cam =
            on(Recipe.TISKW)
                .batch(5)
                .progress(
                    (done, total) -> {
                      scored.add(done);
                      totals.add(total);
                    })
                .build();
        Saliency saliency = cam.explain(input, TARGET)) {
      long passes = saliency.status().passes();
      assertEquals(List.of(passes), totals.stream().distinct().toList());
      assertEquals(scored.stream().sorted().distinct().toList(), scored);
      assertEquals(passes, scored.get(scored.size() - 1));
      assertEquals((passes + 4) / 5, scored.size());
    }
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void softmaxWeightsSumToOneAndScoresAreThoseOfTheMaskedInputs(Recipe recipe) {
    try (ScoreCam cam = on(recipe).build();
        Saliency saliency = cam.explain(input, TARGET)) {
      float[] weights = saliency.weights();
      float[] scores = saliency.scores();
      if (recipe.weighting() == Weighting.SOFTMAX) {
        double sum = 0;
        for (float weight : weights) {
          assertTrue(weight >= 0);
          sum += weight;
        }
        assertEquals(1, sum, 1e-5);
        assertEquals(scores[0] - scores[1], Math.log(weights[0]) - Math.log(weights[1]), 1e-3);
      } else {
        assertArrayEquals(scores, weights);
      }
    }
  }

  @Test
  void theReferenceScoreIsThatOfTheUnmaskedInput() {
    try (Tensor output = Goldens.tensor("tinyresnet.output.npy");
        ScoreCam cam = on(Recipe.TISKW).build();
        Saliency saliency = cam.explain(input, TARGET)) {
      assertEquals(Tensors.toArray(output)[3], saliency.referenceScore(), 1e-3);
    }
  }

  @Test
  void thePointerLeadsToTheMapsValues() {
    try (ScoreCam cam = on(Recipe.TISKW).build();
        Saliency saliency = cam.explain(input, TARGET)) {
      float[] values = new float[64 * 64];
      new FloatPointer(saliency.pointer()).get(values);
      assertArrayEquals(Tensors.toArray(saliency.tensor()), values);
      assertTrue(saliency.tensor().is_contiguous());
    }
  }

  @Test
  void whatIsReturnedCannotBeChangedFromOutside() {
    try (ScoreCam cam = on(Recipe.TISKW).build();
        Saliency saliency = cam.explain(input, TARGET)) {
      float weight = saliency.weights()[0];
      saliency.weights()[0] = 1000;
      saliency.scores()[0] = 1000;
      assertEquals(weight, saliency.weights()[0]);
      assertTrue(saliency.scores()[0] != 1000);
    }
  }

  @Test
  void aClosedSaliencyRefusesItsMapAndCanBeClosedAgain() {
    try (ScoreCam cam = on(Recipe.TISKW).build()) {
      Saliency saliency = cam.explain(input, TARGET);
      saliency.close();
      saliency.close();
      assertThrows(IllegalStateException.class, saliency::tensor);
      assertThrows(IllegalStateException.class, saliency::pointer);
      assertThrows(IllegalStateException.class, saliency::toArray);
      assertThrows(IllegalStateException.class, saliency::height);
      assertThrows(IllegalStateException.class, () -> Saliency.fuse(List.of(saliency)));
      assertEquals("layer3", saliency.layer());
      assertTrue(saliency.weights().length > 0);
    }
  }

  @Test
  void aClosedScoreCamRefusesToExplainAndItsMapsStay() {
    ScoreCam cam = on(Recipe.TISKW).build();
    Saliency saliency = cam.explain(input, TARGET);
    float[][] map = saliency.toArray();
    cam.close();
    cam.close();
    assertThrows(IllegalStateException.class, () -> cam.explain(input, TARGET));
    assertArrayEquals(map, saliency.toArray());
    saliency.close();
  }

  @Test
  void aModelClosedTooEarlyIsSaidToBeClosed() {
    HookedModel model = Goldens.model("tinydead_script.pt");
    try (ScoreCam cam = ScoreCam.on(model).layer("relu").build()) {
      model.close();
      assertThrows(IllegalStateException.class, () -> cam.explain(input, TARGET));
    }
  }

  @Test
  void layersAreCheckedWhenTheExplainerIsBuilt() {
    ScoreCam.Builder unknown = ScoreCam.on(resnet).layers("layer3", "layer9");
    assertThrows(LayerException.class, unknown::build);
    assertThrows(IllegalArgumentException.class, () -> ScoreCam.on(resnet).build());
    ScoreCam.Builder twice = ScoreCam.on(resnet).layers("layer3", "layer2", "layer3");
    assertThrows(IllegalArgumentException.class, twice::build);
    assertThrows(IllegalArgumentException.class, () -> ScoreCam.on(resnet).batch(0));
    assertThrows(IllegalArgumentException.class, () -> ChannelSelection.topMax(0));
    assertThrows(IllegalArgumentException.class, () -> Recipe.named("grad-cam"));
  }

  @Test
  void aLayerOfOneChannelIsItsOwnMap() {
    Script net =
        ScriptedModels.script(
                "OneChannel",
                """
                def forward(self, x: Tensor) -> Tensor:
                    y = self.maps.forward(x)
                    return torch.stack([y.mean([1, 2, 3]), y.sum([1, 2, 3])], 1)
                """)
            .child("maps", ScriptedModels.timesPlus(2, -1));
    float[] values = {0.1f, 0.9f, 0.4f, 0.7f, 0.2f, 1.0f};
    try (HookedModel model = net.load(folder);
        Tensor image = Tensors.of(values, 1, 1, 2, 3);
        ScoreCam cam = ScoreCam.on(model).layer("maps").build();
        Saliency saliency = cam.explain(image, Target.ofClass(1))) {
      assertArrayEquals(new float[] {1}, saliency.weights());
      float[] expected = new float[values.length];
      for (int i = 0; i < values.length; i++) {
        expected[i] = Math.max(0, 2 * values[i] - 1);
      }
      assertClose(expected, Tensors.toArray(saliency.tensor()), TOLERANCE);
    }
  }

  @Test
  void mapsLargerThanTheImageAreTaken() {
    Script grow =
        ScriptedModels.script(
            "Grow",
            """
            def forward(self, x: Tensor) -> Tensor:
                y = torch.cat([x, x * x, 1.0 - x], 1)
                return torch.upsample_nearest2d(y, [3 * x.size(2), 2 * x.size(3)])
            """);
    Script net =
        ScriptedModels.script(
                "Large",
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.grow.forward(x).mean([2, 3])
                """)
            .child("grow", grow);
    float[] values = new float[5 * 7];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.abs(Math.sin(i));
    }
    try (HookedModel model = net.load(folder);
        Tensor image = Tensors.of(values, 1, 1, 5, 7)) {
      for (Recipe recipe : Recipe.published()) {
        try (ScoreCam cam = ScoreCam.on(model).layer("grow").recipe(recipe).build();
            Saliency saliency = cam.explain(image, Target.ofClass(1))) {
          boolean atLayerSize = recipe.equals(Recipe.TORCHCAM);
          assertEquals(atLayerSize ? 15 : 5, saliency.height());
          assertEquals(atLayerSize ? 14 : 7, saliency.width());
          assertFalse(saliency.status().blank());
        }
      }
      try (ScoreCam cam = ScoreCam.on(model).layer("grow").build();
          Saliency saliency = cam.explain(image, Target.ofClass(1));
          Tensor expected = PaperScoreCam.explain(model, "grow", image, 1)) {
        assertClose(expected, saliency.tensor(), 1e-4);
      }
    }
  }

  @Test
  void mapsOfOnePixelAreTakenAndFused() {
    Script pool =
        ScriptedModels.script(
            "Pool",
            """
            def forward(self, x: Tensor) -> Tensor:
                return torch.cat([x, x * 3.0], 1).mean([2, 3], True)
            """);
    Script row =
        ScriptedModels.script(
            "Row",
            """
            def forward(self, x: Tensor) -> Tensor:
                return x.mean([2], True)
            """);
    Script net =
        ScriptedModels.script(
                "Small",
                """
                def forward(self, x: Tensor) -> Tensor:
                    return (self.pool.forward(x) + self.row.forward(x).mean()).flatten(1)
                """)
            .child("pool", pool)
            .child("row", row);
    try (HookedModel model = net.load(folder);
        Tensor image = Tensors.of(new float[] {1, 2, 3, 4, 5, 9}, 1, 1, 2, 3)) {
      try (ScoreCam cam = ScoreCam.on(model).layer("pool").build();
          Saliency saliency = cam.explain(image, Target.ofClass(0))) {
        // Both maps are constant, so that both channels have the same score: the mean of 4 and 12.
        float[] eights = {8, 8, 8, 8, 8, 8};
        assertArrayEquals(eights, Tensors.toArray(saliency.tensor()), 1e-4f);
        assertEquals(1, saliency.status().passes());
      }
      for (Recipe recipe : Recipe.published()) {
        try (ScoreCam cam = ScoreCam.on(model).layers("pool", "row").recipe(recipe).build();
            Saliency saliency = cam.explain(image, Target.ofClass(0))) {
          boolean atLayerSize = recipe.equals(Recipe.TORCHCAM);
          assertEquals(atLayerSize ? 1 : 2, saliency.height(), recipe.name());
          assertEquals(3, saliency.width(), recipe.name());
          assertEquals(saliency.height(), saliency.toArray().length);
        }
      }
    }
  }
}
