package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.OptionalLong;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.error.TargetException;
import org.scorecam.kernel.NativeBuild;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModelOutput;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Networks that take a list of images and return what they detect in each. */
class DetectionTest {
  @TempDir Path folder;

  private NativeScope scope;

  @BeforeEach
  void open() {
    scope = NativeScope.open();
    torch.manual_seed(1);
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** Of detections that the test makes up. */
  @Nested
  class WhatIsRead {
    /**
     * Detects in each image what its six rows say: x0, y0, x1, y1, label and score of up to three
     * detections; those of score 0 are none. Its layer: maps.
     */
    private HookedModel told(String result) {
      return ScriptedModels.script(
              "Told",
              """
              def forward(self, images: List[Tensor]):
                  maps = self.maps.forward(torch.stack(images))
                  detections : List[Dict[str, Tensor]] = []
                  for image in images:
                      rows = image[0]
                      kept = rows[:, rows[5] != 0.]
                      detections.append({"boxes": kept[:4].t(), "labels": kept[4].to(4), "scores": kept[5]})
                  return %s
              """
                  .formatted(result))
          .child("maps", ScriptedModels.timesPlus(1, 0))
          .load(folder);
    }

    private Tensor tellings() {
      return Tensors.of(
          new float[] {
            // Label 3 at (2, 0, 4, 6) and (0, 0, 4, 6), label 2 at (0, 0, 4, 4).
            2, 0, 0, 0, 0, 0, 4, 4, 4, 6, 6, 4, 3, 3, 2, 1, 0.25f, 0.125f,
            // Nothing.
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            // Label 3 at (8, 8, 9, 9), label 2 at (1, 0, 3, 4).
            8, 1, 0, 8, 0, 0, 9, 3, 0, 9, 4, 0, 3, 2, 0, 1, 0.5f, 0,
          },
          3,
          1,
          6,
          3);
    }

    private float[] scores(Target target, ModelOutput output) {
      return Tensors.toArray(target.scores(target.partOf(output)));
    }

    @ParameterizedTest
    @ValueSource(
        strings = {
          "detections",
          "({\"loss\": images[0]}, detections)",
          "(images[0], [detections])"
        })
    void isTheScoreOfTheOneThatOverlapsMostTimesTheOverlap(String result) {
      BoundingBox box = new BoundingBox(0, 0, 4, 4);
      try (HookedModel model = told(result);
          ModelOutput output = model.forward(tellings())) {
        float[] ofLabel3 = {0.25f * 16 / 24, 0, 0};
        assertArrayEquals(ofLabel3, scores(Target.detection(box, 3), output), 1e-6f);
        float[] ofLabel2 = {0.125f, 0, 0.5f * 8 / 16};
        assertArrayEquals(ofLabel2, scores(Target.detection(box, 2), output), 1e-6f);
        assertArrayEquals(new float[3], scores(Target.detection(box, 1), output));
      }
    }

    @Test
    void aPartOfTheOutputCanBeNamed() {
      BoundingBox box = new BoundingBox(0, 0, 4, 4);
      try (HookedModel model = told("(images[0], detections)");
          ModelOutput output = model.forward(tellings())) {
        Target target = Target.detection(box, 2).from(1);
        assertArrayEquals(new float[] {0.125f, 0, 0.25f}, scores(target, output), 1e-6f);
        assertEquals("detection of label 2 at 0,0,4,4 of output 1", target.toString());
      }
    }

    private String refusal(String result, int image, Target target) {
      try (HookedModel model = told(result);
          ScoreCam cam = ScoreCam.on(model).layer("maps").build()) {
        Tensor input = tellings().narrow(0, image, 1);
        return assertThrows(TargetException.class, () -> cam.explain(input, target)).getMessage();
      }
    }

    @Test
    void whatTheUnmaskedInputDoesNotHaveIsRefusedWithWhatItHas() {
      BoundingBox box = new BoundingBox(0, 0, 4, 4);
      assertEquals(
          "in the unmasked input the network detects nothing labelled 5 that overlaps the box 0,0,4,4;"
              + " it detects label 3 at 2,0,4,6 (score 1.000), label 3 at 0,0,4,6 (score 0.250),"
              + " label 2 at 0,0,4,4 (score 0.125)",
          refusal("detections", 0, Target.detection(box, 5)));
      assertEquals(
          "in the unmasked input the network detects nothing labelled 2 that overlaps the box"
              + " 10,10,12.5,11; it detects label 2 at 0,0,4,4 (score 0.125)",
          refusal("detections", 0, Target.detection(new BoundingBox(10, 10, 12.5, 11), 2)));
      assertEquals(
          "in the unmasked input the network detects nothing; it detects nothing at all. Are the"
              + " input's values what it expects, such as 0 to 1?",
          refusal("detections", 1, Target.topDetection()));
      String ofLabel = refusal("detections", 2, Target.topDetection(7));
      assertTrue(
          ofLabel.contains("detects nothing labelled 7; it detects label 3 at 8,8"), ofLabel);
    }

    @Test
    void anOutputWithoutDetectionsIsRefusedInWords() {
      BoundingBox box = new BoundingBox(0, 0, 4, 4);
      String tensor = refusal("torch.stack(images)", 0, Target.detection(box, 1));
      assertTrue(
          tensor.contains(
              "a dict of boxes, labels and scores for each input; the network returned a"
                  + " tensor [1, 1, 6, 3]"),
          tensor);
      String others = refusal("[{\"boxes\": images[0]}]", 0, Target.topDetection());
      assertTrue(others.contains("a list with 0: a dict with boxes: tensor [1, 6, 3]"), others);
      String shapes =
          refusal(
              "[{\"boxes\": maps, \"labels\": maps, \"scores\": maps}]", 0, Target.topDetection());
      assertTrue(shapes.contains("must have boxes [D, 4], labels [D] and scores [D]"), shapes);
      String rows = refusal("[detections[0], detections[0]]", 0, Target.topDetection());
      assertTrue(rows.contains("one row for each of the 1 inputs"), rows);
    }
  }

  /** Of a network that detects. */
  @Nested
  class WhatIsExplained {
    @BeforeEach
    void operatorsAreThere() {
      NativeBuild.require();
    }

    private Tensor inputs(long count) {
      return torch.rand(count, 3, 32, 32);
    }

    static List<Recipe> recipes() {
      return Recipe.published();
    }

    @ParameterizedTest
    @MethodSource("recipes")
    void theMapIsThatOfTheDetectionsScore(Recipe recipe) {
      Tensor input = inputs(1);
      try (HookedModel detector = ScriptedDetector.net().load(folder);
          ScoreCam cam =
              ScoreCam.on(detector)
                  .layer("backbone")
                  .layout(Layout.CHANNELS_FIRST)
                  .recipe(recipe)
                  .build();
          Saliency top = cam.explain(input, Target.topDetection())) {
        BoundingBox box = new BoundingBox(3, 4, 21, 22);
        long label = top.target().classIndex().orElseThrow();
        assertTrue(
            top.target().toString().matches("detection of label \\d at .* \\(the top detection\\)"),
            top.target().toString());
        try (Saliency map = cam.explain(input, Target.detection(box, label));
            HookedModel scorer = ScriptedDetector.scoreOf(box, label).load(folder);
            ScoreCam plain = ScoreCam.on(scorer).layer("backbone").recipe(asItIs(recipe)).build();
            Saliency expected = plain.explain(input, Target.ofClass(0))) {
          assertEquals(OptionalLong.of(label), map.target().classIndex());
          assertEquals(expected.referenceScore(), map.referenceScore(), 1e-6);
          assertArrayEquals(expected.scores(), map.scores(), 1e-6f);
          assertTrue(map.referenceScore() > 0.1, () -> "score " + map.referenceScore());
          Goldens.assertClose(expected.tensor(), map.tensor(), 1e-5);
          assertFalse(map.status().softmaxOfOneValue());
          assertEquals(List.of(), map.plan().notes());
        }
      }
    }

    /** Detections have probabilities already. */
    private Recipe asItIs(Recipe recipe) {
      return new Recipe(
          recipe.name(),
          recipe.masks(),
          Recipe.Score.OUTPUT,
          recipe.weighting(),
          recipe.constantChannels(),
          recipe.finish(),
          recipe.repeatedCall(),
          recipe.moment());
    }

    @Test
    void imagesTogetherGiveWhatEachGivesAlone() {
      Tensor inputs = inputs(5);
      try (HookedModel detector = ScriptedDetector.net().load(folder);
          ScoreCam cam = ScoreCam.on(detector).layer("backbone").build()) {
        List<Saliency> together =
            cam.explainBatch(inputs, Collections.nCopies(5, Target.topDetection()));
        try (ModelOutput all = detector.forward(inputs)) {
          assertEquals(5, all.get(1).parts().size());
        }
        for (int i = 0; i < 5; i++) {
          Tensor input = inputs.narrow(0, i, 1);
          try (Saliency map = together.get(i);
              Saliency alone = cam.explain(input, Target.topDetection())) {
            assertEquals(alone.target().toString(), map.target().toString());
            Goldens.assertClose(alone.tensor(), map.tensor(), 1e-5);
          }
        }
      }
    }

    @Test
    void aNetworkWhoseRowsInfluenceEachOtherIsScoredRowByRow() {
      Tensor input = inputs(1);
      try (HookedModel detector = ScriptedDetector.whoseRowsInfluenceEachOther().load(folder);
          ScoreCam cam = ScoreCam.on(detector).layer("backbone").build();
          ScoreCam byOne = ScoreCam.on(detector).layer("backbone").batch(1).build();
          Saliency map = cam.explain(input, Target.topDetection());
          Saliency expected = byOne.explain(input, Target.topDetection())) {
        assertEquals(1, map.plan().rows());
        assertTrue(
            map.plan().notes().stream().anyMatch(note -> note.contains("others are beside it")),
            map.plan().notes().toString());
        Goldens.assertClose(expected.tensor(), map.tensor(), 1e-6);
      }
    }

    @Test
    void aHookSeesTheBackboneOnceForAllImages() {
      Tensor inputs = inputs(3);
      StringBuilder seen = new StringBuilder();
      try (HookedModel detector = ScriptedDetector.net().load(folder)) {
        detector.registerForwardHook(
            "backbone", (layer, output) -> seen.append(Tensors.shapeOf(output)));
        detector.forward(inputs).close();
      }
      assertEquals("[3, 6, 8, 8]", seen.toString());
    }
  }

  @Test
  void boxesAreReadAsTheyAreWritten() {
    assertEquals("12.5,-3,80,96.25", BoundingBox.parse("12.5,-3,80,96.25").toString());
    assertEquals(6, new BoundingBox(1, 2, 3, 5).area());
    for (String wrong : List.of("", "1,2,3", "1,2,3,4,5", "1,2,x,4", "1, 2, 3, 4", "NaN,1,2,3")) {
      String message =
          assertThrows(TargetException.class, () -> BoundingBox.parse(wrong)).getMessage();
      assertEquals("'%s' is not a box; write x0,y0,x1,y1, in pixels".formatted(wrong), message);
    }
    String reversed =
        assertThrows(TargetException.class, () -> BoundingBox.parse("8,1,4,5")).getMessage();
    assertTrue(reversed.contains("x1 must be greater than x0"), reversed);
  }
}
