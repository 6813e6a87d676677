package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.scorecam.Goldens.assertClose;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.Device;
import org.scorecam.tensor.NpyFile;

/** The published maps of layers with tokens or channels last, of series and of volumes. */
class LayoutGoldensTest {
  private static final Path FOLDER = Path.of("src/test/resources/layouts");
  private static final Map<String, HookedModel> MODELS = new HashMap<>();

  private record Case(JsonObject json) {
    String text(String key) {
      return json.get(key).getAsString();
    }

    Path path(String key) {
      return FOLDER.resolve(text(key));
    }

    @Override
    public String toString() {
      return text("case");
    }
  }

  static List<Case> cases() throws IOException {
    String json = Files.readString(FOLDER.resolve("cases.json"));
    return JsonParser.parseString(json).getAsJsonArray().asList().stream()
        .map(JsonElement::getAsJsonObject)
        .map(Case::new)
        .toList();
  }

  static List<Case> casesOfTokens() throws IOException {
    return cases().stream()
        .filter(each -> each.json.has("layout") && each.text("layout").startsWith("tokens"))
        .toList();
  }

  private static ScoreCam.Builder builder(Case golden) {
    HookedModel model =
        MODELS.computeIfAbsent(
            golden.text("model"),
            file -> TorchScriptModel.load(FOLDER.resolve(file), Device.cpu()));
    return ScoreCam.on(model)
        .layer(golden.text("layer"))
        .recipe(Recipe.named(golden.text("recipe")));
  }

  private static void assertGolden(Case golden, ScoreCam.Builder builder) {
    try (ScoreCam cam = builder.build();
        Tensor input = NpyFile.read(golden.path("input"));
        Tensor expected = NpyFile.read(golden.path("map"));
        Saliency actual = cam.explain(input, Target.ofClass(golden.json.get("class").getAsInt()))) {
      assertClose(expected, actual.tensor(), 1e-4);
      // Any series of maps could have its channels last.
      assertEquals(input.dim() == 3 ? 1 : 0, actual.plan().notes().size());
    }
  }

  @AfterAll
  static void close() {
    MODELS.values().forEach(HookedModel::close);
    MODELS.clear();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void mapIsThePublishedOne(Case golden) {
    ScoreCam.Builder builder = builder(golden);
    assertGolden(
        golden,
        golden.json.has("layout") ? builder.layout(Layout.parse(golden.text("layout"))) : builder);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("casesOfTokens")
  void tokensAreFound(Case golden) {
    assertGolden(golden, builder(golden));
  }
}
