package org.scorecam;

import static org.scorecam.Goldens.assertClose;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.model.HookedModel;

/** The published implementations' maps, each recipe on each network. */
class GoldenMapsTest {
  private static final double TOLERANCE = 1e-4;

  /** Each network is loaded and frozen once, not for each of its maps. */
  private static final Map<String, HookedModel> MODELS = new HashMap<>();

  private static HookedModel model(String file) {
    return MODELS.computeIfAbsent(file, Goldens::model);
  }

  @AfterAll
  static void close() {
    MODELS.values().forEach(HookedModel::close);
    MODELS.clear();
  }

  static List<Goldens.Case> cases() throws IOException {
    return Goldens.cases();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void mapIsThePublishedOne(Goldens.Case golden) {
    try (ScoreCam cam =
            ScoreCam.on(model(golden.text("model")))
                .layer(golden.text("layer"))
                .recipe(golden.recipe())
                .channels(golden.channels())
                .build();
        Tensor input = Goldens.tensor(golden.text("input"));
        Tensor expected = Goldens.tensor(golden.text("map"));
        Saliency actual = cam.explain(input, golden.target())) {
      assertClose(expected, actual.tensor(), TOLERANCE);
    }
  }

  @Test
  void batchIsThePublishedOne() {
    HookedModel model = model("tinyresnet_script.pt");
    try (ScoreCam cam = ScoreCam.on(model).layer("layer3").recipe(Recipe.PYTORCH_GRAD_CAM).build();
        Tensor inputs = Goldens.tensor("tinyresnet.batch.input.npy");
        Tensor expected = Goldens.tensor("tinyresnet-batch-pgc.map.npy")) {
      List<Target> targets = List.of(Target.ofClass(3), Target.ofClass(8), Target.ofClass(0));
      List<Saliency> maps = cam.explainBatch(inputs, targets);
      for (int i = 0; i < maps.size(); i++) {
        try (Tensor map = expected.select(0, i);
            Saliency actual = maps.get(i)) {
          assertClose(map, actual.tensor(), TOLERANCE);
        }
      }
    }
  }

  @Test
  void fusedLayersAreThePublishedOnes() {
    HookedModel model = model("tinyresnet_script.pt");
    try (ScoreCam cam =
            ScoreCam.on(model).layers("layer2", "layer3").recipe(Recipe.PYTORCH_GRAD_CAM).build();
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Tensor expected = Goldens.tensor("tinyresnet-layers-pgc.map.npy");
        Saliency actual = cam.explain(input, Target.ofClass(3))) {
      assertClose(expected, actual.tensor(), TOLERANCE);
    }
  }
}
