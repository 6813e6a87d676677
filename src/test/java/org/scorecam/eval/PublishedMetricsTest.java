package org.scorecam.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.Explainer;
import org.scorecam.FixedMap;
import org.scorecam.Goldens;
import org.scorecam.Recipe;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.NpyFile;
import org.scorecam.tensor.Tensors;

/** Metrics of golden maps against the published code's; see the README beside the values. */
class PublishedMetricsTest {
  private static final Path FOLDER = Path.of("src/test/resources/eval");
  private static final double TOLERANCE = 1e-4;

  private static JsonObject goldens() throws IOException {
    try (Reader json = Files.newBufferedReader(FOLDER.resolve("metrics.json"))) {
      return JsonParser.parseReader(json).getAsJsonObject();
    }
  }

  static List<Golden> cases() throws IOException {
    List<Golden> cases = new ArrayList<>();
    for (JsonElement each : goldens().getAsJsonArray("cases")) {
      cases.add(new Golden(each.getAsJsonObject()));
    }
    return cases;
  }

  record Golden(JsonObject json) {
    String text(String key) {
      return json.get(key).getAsString();
    }

    Recipe.Score score() {
      return Recipe.Score.valueOf(text("score").toUpperCase(Locale.ROOT));
    }

    @Override
    public String toString() {
      return text("map") + ", " + text("score");
    }
  }

  private static MapScores measure(Golden golden, Evaluation.Builder builder) {
    try (Evaluation evaluation = builder.score(golden.score()).noise(0).build();
        Tensor input = Goldens.tensor(golden.text("input"));
        Tensor map = mapOf(golden);
        FixedMap explainer = new FixedMap(map);
        Saliency saliency =
            explainer.explain(input, Target.ofClass(golden.json.get("class").getAsLong()))) {
      return evaluation.measure(explainer, input, saliency, List.of());
    }
  }

  private static Tensor mapOf(Golden golden) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor map = Goldens.tensor(golden.text("map"));
      return scope.keep(map.view(map.size(-2), map.size(-1)));
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void dropAndIncreaseAreTorchCams(Golden golden) {
    try (HookedModel model = Goldens.model(golden.text("model"))) {
      MapScores scores =
          measure(
              golden,
              Evaluation.on(model).metrics(EnumSet.of(Metric.AVERAGE_DROP, Metric.INCREASE)));
      JsonObject expected = golden.json.getAsJsonObject("torchcam");
      assertEquals(expected.get("avg_drop").getAsDouble(), scores.drop().orElseThrow(), TOLERANCE);
      assertEquals(expected.get("conf_increase").getAsDouble(), scores.increase().orElseThrow());
      assertEquals(golden.json.get("reference").getAsDouble(), scores.score(), TOLERANCE);
      assertEquals(2, scores.passes());
      assertTrue(scores.road().isEmpty() && scores.adcc().isEmpty());
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void curvesAreTorchCams(Golden golden) {
    try (HookedModel model = Goldens.model(golden.text("model"))) {
      for (JsonElement each : golden.json.getAsJsonArray("curves")) {
        JsonObject expected = each.getAsJsonObject();
        Fill fill = Fill.valueOf(expected.get("fill").getAsString().toUpperCase(Locale.ROOT));
        MapScores scores =
            measure(
                golden,
                Evaluation.on(model)
                    .metrics(EnumSet.of(Metric.INSERTION, Metric.DELETION))
                    .fills(Set.of(fill))
                    .steps(expected.get("steps").getAsInt()));
        Curve insertion = scores.insertion().get(fill);
        Curve deletion = scores.deletion().get(fill);
        double tolerance = TOLERANCE * Math.max(1, scores.score());
        assertAll(expected.getAsJsonArray("fractions"), insertion.fractions(), 1e-6);
        assertAll(expected.getAsJsonArray("insertion"), insertion.scores(), tolerance);
        assertAll(expected.getAsJsonArray("deletion"), deletion.scores(), tolerance);
        assertEquals(expected.get("insertion_auc").getAsDouble(), insertion.area(), tolerance);
        assertEquals(expected.get("deletion_auc").getAsDouble(), deletion.area(), tolerance);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void roadAndComplexityArePytorchGradCams(Golden golden) {
    if (!golden.json.has("pgc")) {
      return;
    }
    try (HookedModel model = Goldens.model(golden.text("model"))) {
      MapScores scores =
          measure(golden, Evaluation.on(model).metrics(EnumSet.of(Metric.ROAD, Metric.ADCC)));
      JsonObject expected = golden.json.getAsJsonObject("pgc");
      double tolerance = TOLERANCE * Math.max(1, scores.score());
      MapScores.Road road = scores.road().orElseThrow();
      assertAll(expected.getAsJsonArray("most"), lessScore(road.withoutMost(), scores), tolerance);
      assertAll(
          expected.getAsJsonArray("least"), lessScore(road.withoutLeast(), scores), tolerance);
      assertEquals(expected.get("road").getAsDouble(), road.combined(), tolerance);
      assertEquals(
          expected.get("complexity").getAsDouble(), scores.complexity().orElseThrow(), TOLERANCE);
      double drop = Math.max(0, scores.score() - scores.maskedScore().orElseThrow());
      assertEquals(expected.get("drop").getAsDouble(), drop, tolerance);
      assertEquals(expected.get("increase").getAsDouble(), scores.increase().orElseThrow());
      // The map is the same for every input.
      assertEquals(1, scores.coherency().orElseThrow(), 1e-9);
    }
  }

  private static List<Double> lessScore(List<Double> scores, MapScores of) {
    return scores.stream().map(score -> score - of.score()).toList();
  }

  private static void assertAll(JsonArray expected, List<Double> actual, double tolerance) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < actual.size(); i++) {
      assertEquals(expected.get(i).getAsDouble(), actual.get(i), tolerance, "at " + i);
    }
  }

  @Test
  void adccIsThatOfItsAuthorsWithTorchCamsMaps() throws IOException {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Evaluation evaluation = Evaluation.on(model).metrics(EnumSet.of(Metric.ADCC)).build();
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      for (JsonElement each : goldens().getAsJsonArray("adcc")) {
        JsonObject expected = each.getAsJsonObject();
        try (Explainer cam =
                ScoreCam.on(model)
                    .layer(expected.get("layer").getAsString())
                    .recipe(Recipe.TORCHCAM)
                    .build();
            Saliency saliency = cam.explain(input, Target.top1())) {
          MapScores scores = evaluation.measure(cam, input, saliency, List.of());
          assertEquals(
              expected.get("top").getAsLong(), saliency.target().classIndex().orElseThrow());
          assertEquals(expected.get("drop").getAsDouble(), scores.drop().orElseThrow(), TOLERANCE);
          assertEquals(
              expected.get("coherency").getAsDouble(), scores.coherency().orElseThrow(), TOLERANCE);
          assertEquals(
              expected.get("complexity").getAsDouble(),
              scores.complexity().orElseThrow(),
              TOLERANCE);
          assertEquals(expected.get("adcc").getAsDouble(), scores.adcc().orElseThrow(), TOLERANCE);
        }
      }
    }
  }

  @Test
  void missingPixelsAreThoseOfTheSparseSolver() {
    try (Tensor image = NpyFile.read(FOLDER.resolve("imputed.input.npy"));
        Tensor mask = NpyFile.read(FOLDER.resolve("imputed.kept.npy"));
        Tensor expected = NpyFile.read(FOLDER.resolve("imputed.npy"))) {
      float[] marks = Tensors.toArray(mask);
      boolean[] kept = new boolean[marks.length];
      for (int i = 0; i < kept.length; i++) {
        kept[i] = marks[i] != 0;
      }
      float[] filled = Imputation.fill(Tensors.toArray(image), 3, (int) mask.size(1), kept);
      Goldens.assertClose(Tensors.toArray(expected), filled, 1e-6);
    }
  }
}
