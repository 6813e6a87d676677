package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.TensorMasker;
import org.scorecam.model.Capture;
import org.scorecam.model.HookedModel;
import org.scorecam.model.RepeatedCall;
import org.scorecam.tensor.Tensors;

/** Constant channels, blank maps, and values that are not finite. */
class SaliencyStatusTest {
  @TempDir Path folder;

  static List<Recipe> recipes() {
    return Recipe.published();
  }

  /** A picture [1, 1, 4, 4] of values from 1 to 16. */
  private static Tensor picture() {
    float[] values = new float[16];
    for (int i = 0; i < values.length; i++) {
      values[i] = i + 1;
    }
    return Tensors.of(values, 1, 1, 4, 4);
  }

  /** A network whose layer {@code maps} makes the given channels of x; the rest is a mean. */
  private HookedModel network(String channels, String output) {
    Script maps =
        ScriptedModels.script(
            "Maps",
            """
            def forward(self, x: Tensor) -> Tensor:
                return torch.cat([%s], 1)
            """
                .formatted(channels));
    return ScriptedModels.script(
            "Net",
            """
            def forward(self, x: Tensor) -> Tensor:
                y = self.maps.forward(x)
                return %s
            """
                .formatted(output))
        .child("maps", maps)
        .load(folder);
  }

  private static void assertFinite(Saliency saliency) {
    for (float value : Tensors.toArray(saliency.tensor())) {
      assertTrue(Float.isFinite(value), "the map holds " + value);
    }
    for (float weight : saliency.weights()) {
      assertTrue(Float.isFinite(weight), "a weight is " + weight);
    }
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void constantChannelsShareOnePass(Recipe recipe) {
    try (HookedModel model = Goldens.model("tinydead_script.pt");
        Tensor input = Goldens.tensor("tinydead.input.npy");
        Capture capture = model.capture(input, List.of("relu"), RepeatedCall.LAST);
        // Which of the maskers does not look for equal channels, that would share passes too.
        ScoreCam cam =
            ScoreCam.on(model).layer("relu").recipe(recipe).masker(new TensorMasker()).build();
        Saliency saliency = cam.explain(input, Target.ofClass(1))) {
      Tensor maps = capture.activations().get(0);
      int channels = (int) maps.size(1);
      float[] values = Tensors.toArray(maps);
      int size = values.length / channels;
      int constant = 0;
      for (int k = 0; k < channels; k++) {
        float[] map = Arrays.copyOfRange(values, k * size, (k + 1) * size);
        Arrays.sort(map);
        constant += map[0] == map[size - 1] ? 1 : 0;
      }
      assertTrue(constant > 1, "the network has no constant channels to share a pass");
      boolean skipped = recipe.constantChannels() == Recipe.ConstantChannels.SKIPPED;
      SaliencyStatus status = saliency.status();
      assertEquals(channels, status.channels());
      assertEquals(constant, status.constantChannels());
      assertEquals(skipped ? channels - constant : channels, status.scoredChannels());
      assertEquals(channels - constant + (skipped ? 0 : 1), status.passes());
      assertEquals(skipped ? 0 : constant - 1, status.savedPasses());
      assertFalse(status.sawNonFinite());
      assertFalse(status.blank());
    }
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void whatIsNotComputedTwiceDoesNotChangeTheMap(Recipe recipe) {
    String channels = "x, 17.0 - x, x, torch.ones_like(x), 17.0 - x, torch.zeros_like(x), x * x";
    float[] plain;
    try (HookedModel model = network(channels, "y.mean([2, 3]) + x.sum([2, 3])");
        Tensor picture = picture();
        // It looks for constant channels but not for equal ones.
        ScoreCam each =
            ScoreCam.on(model).layer("maps").recipe(recipe).masker(new TensorMasker()).build();
        Saliency saliency = each.explain(picture, Target.ofClass(0))) {
      plain = Tensors.toArray(saliency.tensor());
    }
    try (HookedModel model = network(channels, "y.mean([2, 3]) + x.sum([2, 3])");
        Tensor picture = picture();
        ScoreCam cam = ScoreCam.on(model).layer("maps").recipe(recipe).build();
        Saliency saliency = cam.explain(picture, Target.ofClass(0))) {
      SaliencyStatus status = saliency.status();
      assertEquals(status.scoredChannels() - status.passes(), status.savedPasses());
      assertClose(plain, Tensors.toArray(saliency.tensor()), 1e-6);
    }
  }

  @Test
  void weightsThatAreZeroInFloat32AreLeftOutExactly() {
    // The softmax of scores 1000 apart: the second channel's weight is 0, and its map is large.
    try (HookedModel model =
            network("x, x * x, 17.0 - x", "1000.0 * x[:, :, 3].mean(2) + y.mean([2, 3]) * 0");
        Tensor picture = picture();
        ScoreCam cam = ScoreCam.on(model).layer("maps").build();
        Saliency saliency = cam.explain(picture, Target.ofClass(0));
        Capture capture = model.capture(picture, List.of("maps"), RepeatedCall.LAST)) {
      float[] weights = saliency.weights();
      float[] maps = Tensors.toArray(capture.activations().get(0));
      assertTrue(
          Arrays.asList(0, 1, 2).stream().anyMatch(k -> weights[k] == 0), Arrays.toString(weights));
      float[] expected = new float[16];
      for (int i = 0; i < 16; i++) {
        double sum = 0;
        for (int k = 0; k < 3; k++) {
          sum += (double) weights[k] * maps[16 * k + i];
        }
        expected[i] = (float) Math.max(0, sum);
      }
      assertClose(expected, Tensors.toArray(saliency.tensor()), 1e-6);
    }
  }

  @Test
  void constantChannelsHaveTheScoreOfTheBlackImage() {
    try (HookedModel model =
            network(
                "x, torch.ones_like(x), torch.zeros_like(x)", "y.mean([2, 3]) + x.sum([2, 3])");
        Tensor picture = picture();
        ScoreCam cam = ScoreCam.on(model).layer("maps").build();
        Saliency saliency = cam.explain(picture, Target.ofClass(1))) {
      float[] scores = saliency.scores();
      assertEquals(1, scores[1], 1e-6);
      assertEquals(1, scores[2], 1e-6);
      assertEquals(2, saliency.status().constantChannels());
      assertEquals(2, saliency.status().passes());
      assertEquals(3, saliency.status().scoredChannels());
    }
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void aMapOfNegativeSumsIsBlankAndSaidToBe(Recipe recipe) {
    try (HookedModel model = network("-x, -2.0 * x", "y.mean([2, 3])");
        Tensor picture = picture();
        ScoreCam cam = ScoreCam.on(model).layer("maps").recipe(recipe).build();
        Saliency saliency = cam.explain(picture, Target.ofClass(0))) {
      assertTrue(saliency.status().blank());
      for (float value : Tensors.toArray(saliency.tensor())) {
        assertEquals(0, value);
      }
      assertEquals(2, saliency.status().scoredChannels());
    }
  }

  @Test
  void channelsWithNanOrInfinitiesTakeNoPlaceAmongTheStrongest() {
    String nan = "torch.where(x > 15.0, torch.full_like(x, float('nan')), x)";
    try (HookedModel model =
            network(nan + ", x, " + nan + ", 0.5 * x", "torch.nan_to_num(y).mean([2, 3])");
        Tensor picture = picture();
        ScoreCam cam =
            ScoreCam.on(model).layer("maps").channels(ChannelSelection.topMax(2)).build();
        Saliency saliency = cam.explain(picture, Target.ofClass(0))) {
      assertEquals(2, saliency.status().scoredChannels());
      assertTrue(Float.isFinite(saliency.scores()[1]));
      assertTrue(Float.isFinite(saliency.scores()[3]));
    }
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void channelsWithNanOrInfinitiesAreLeftOutAndFlagged(Recipe recipe) {
    String output = "torch.nan_to_num(y, 0.0, 0.0, 0.0).mean([2, 3])";
    String nan = "torch.where(x > 15.0, torch.full_like(x, float('nan')), x)";
    String infinity = "torch.where(x > 15.0, torch.full_like(x, float('inf')), x)";
    float[] expected;
    try (HookedModel clean = network("x, 17.0 - x, -x", output);
        Tensor picture = picture();
        ScoreCam cam = ScoreCam.on(clean).layer("maps").recipe(recipe).build();
        Saliency saliency = cam.explain(picture, Target.ofClass(0))) {
      expected = Tensors.toArray(saliency.tensor());
    }
    try (HookedModel model =
            network(
                String.join(", ", "x", "17.0 - x", "-x", nan, infinity, "-" + infinity), output);
        Tensor picture = picture();
        ScoreCam cam = ScoreCam.on(model).layer("maps").recipe(recipe).build();
        Saliency saliency = cam.explain(picture, Target.ofClass(0))) {
      SaliencyStatus status = saliency.status();
      assertEquals(6, status.channels());
      assertEquals(3, status.nonFiniteChannels());
      assertEquals(3, status.scoredChannels());
      assertEquals(3, status.passes());
      assertEquals(0, status.nonFiniteScores());
      assertTrue(status.sawNonFinite());
      assertFinite(saliency);
      for (int k = 3; k < 6; k++) {
        assertEquals(0, saliency.weights()[k]);
        assertTrue(Float.isNaN(saliency.scores()[k]));
      }
      if (recipe.score() == Recipe.Score.OUTPUT) {
        // What was left out has no part in the map. Its class has one in the probabilities.
        assertClose(expected, Tensors.toArray(saliency.tensor()), 1e-5);
      }
    }
  }

  @Test
  void aLayerOfNothingButNanGivesABlankMap() {
    try (HookedModel model = network("x / 0.0 - x / 0.0", "torch.nan_to_num(y).mean([2, 3])");
        Tensor picture = picture();
        ScoreCam cam = ScoreCam.on(model).layer("maps").build();
        Saliency saliency = cam.explain(picture, Target.ofClass(0))) {
      assertEquals(1, saliency.status().nonFiniteChannels());
      assertEquals(0, saliency.status().passes());
      assertTrue(saliency.status().blank());
      assertFinite(saliency);
    }
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void scoresThatAreNotFiniteGetNoWeightAndAreCounted(Recipe recipe) {
    // The masked input of a constant channel is black, and log 0 is no number.
    try (HookedModel model =
            network("x, torch.ones_like(x), 17.0 - x", "torch.log(x.sum([2, 3])) + y.mean() * 0");
        Tensor picture = picture();
        ScoreCam cam = ScoreCam.on(model).layer("maps").recipe(recipe).build();
        Saliency saliency = cam.explain(picture, Target.ofClass(0))) {
      boolean scored = recipe.constantChannels() == Recipe.ConstantChannels.SCORED;
      assertEquals(scored ? 1 : 0, saliency.status().nonFiniteScores());
      assertEquals(scored, saliency.status().sawNonFinite());
      assertEquals(0, saliency.weights()[1]);
      assertTrue(saliency.weights()[0] > 0);
      assertFinite(saliency);
    }
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void aNetworkThatAnswersNanGivesABlankMapThatSaysSo(Recipe recipe) {
    try (HookedModel model = network("x, 17.0 - x", "y.mean([2, 3]) * float('nan')");
        Tensor picture = picture();
        ScoreCam cam = ScoreCam.on(model).layer("maps").recipe(recipe).build();
        Saliency saliency = cam.explain(picture, Target.ofClass(1))) {
      assertEquals(2, saliency.status().nonFiniteScores());
      assertTrue(saliency.status().blank());
      assertTrue(Float.isNaN(saliency.referenceScore()));
      assertFinite(saliency);
    }
  }

  @Test
  void scoresFarApartDoNotOverflowTheSoftmax() {
    try (HookedModel model = network("x, 17.0 - x", "1e30 * x.mean([2, 3]) + y.mean() * 0");
        Tensor picture = picture();
        ScoreCam cam = ScoreCam.on(model).layer("maps").build();
        Saliency saliency = cam.explain(picture, Target.ofClass(0))) {
      assertFinite(saliency);
      assertEquals(1, saliency.weights()[0] + saliency.weights()[1], 1e-6);
    }
  }
}
