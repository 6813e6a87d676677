package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.scorecam.error.TargetException;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModelOutput;
import org.scorecam.tensor.Tensors;

/** What can be explained, and which targets are refused before anything is scored. */
class TargetTest {
  private static final double TOLERANCE = 1e-5;

  private static HookedModel resnet;
  private static HookedModel yolo;
  private static HookedModel seg;
  private static HookedModel twoHeads;
  private static Tensor input;

  @TempDir Path folder;

  @BeforeAll
  static void load() {
    resnet = Goldens.model("tinyresnet_script.pt");
    yolo = Goldens.model("tinyyolo_script.pt");
    seg = Goldens.model("tinyseg_script.pt");
    twoHeads = Goldens.model("tinytwohead_script.pt");
    input = Goldens.tensor("tinyresnet.input.npy");
  }

  @AfterAll
  static void close() {
    List.of(resnet, yolo, seg, twoHeads).forEach(HookedModel::close);
    input.close();
  }

  private static float[] map(HookedModel model, String layer, Target target) {
    try (ScoreCam cam = ScoreCam.on(model).layer(layer).build();
        Saliency saliency = cam.explain(input, target)) {
      return Tensors.toArray(saliency.tensor());
    }
  }

  /** The message; asserts that no masked input was scored, and that nothing is left behind. */
  private static String refusal(HookedModel model, String layer, Recipe recipe, Target target) {
    AtomicInteger chunks = new AtomicInteger();
    try (ScoreCam cam =
        ScoreCam.on(model)
            .layer(layer)
            .recipe(recipe)
            .progress((scored, total) -> chunks.incrementAndGet())
            .build()) {
      String message =
          assertThrows(TargetException.class, () -> cam.explain(input, target)).getMessage();
      NativeObjects.assertNoneLeftBy(
          () -> assertThrows(TargetException.class, () -> cam.explain(input, target)));
      assertEquals(0, chunks.get(), "masked inputs were scored");
      assertEquals(1, message.lines().count(), message);
      assertFalse(message.contains("Exception raised from"), message);
      return message;
    }
  }

  private static String refusal(HookedModel model, String layer, Target target) {
    return refusal(model, layer, Recipe.TISKW, target);
  }

  private static void assertContains(String part, String whole) {
    assertTrue(whole.contains(part), whole);
  }

  @Test
  void theTopClassIsFoundAndNamed() {
    int top = 0;
    try (Tensor output = Goldens.tensor("tinyresnet.output.npy")) {
      float[] scores = Tensors.toArray(output);
      for (int c = 1; c < scores.length; c++) {
        top = scores[c] > scores[top] ? c : top;
      }
    }
    Target target = Target.top1();
    try (ScoreCam cam = ScoreCam.on(resnet).layer("layer3").build();
        Saliency saliency = cam.explain(input, target)) {
      assertEquals(OptionalLong.of(top), saliency.target().classIndex());
      assertEquals("class " + top + " (the top class)", saliency.target().toString());
      assertEquals(OptionalLong.empty(), target.classIndex());
      Goldens.assertClose(
          map(resnet, "layer3", Target.ofClass(top)),
          Tensors.toArray(saliency.tensor()),
          TOLERANCE);
    }
  }

  @Test
  void eachImageOfABatchHasItsOwnTopClass() {
    try (Tensor inputs = Goldens.tensor("tinyresnet.batch.input.npy");
        ScoreCam cam = ScoreCam.on(resnet).layer("layer3").build()) {
      List<Saliency> batch =
          cam.explainBatch(inputs, List.of(Target.top1(), Target.top1(), Target.top1()));
      for (int i = 0; i < 3; i++) {
        try (Tensor one = inputs.narrow(0, i, 1);
            Saliency alone = cam.explain(one, Target.top1());
            Saliency together = batch.get(i)) {
          assertEquals(alone.target().classIndex(), together.target().classIndex());
          assertEquals(alone.referenceScore(), together.referenceScore(), 1e-4);
        }
      }
    }
  }

  @Test
  void classesOutOfRangeAreRefused() {
    assertContains(
        "class 10 is out of range: the network's output has the shape [1, 10]",
        refusal(resnet, "layer3", Target.ofClass(10)));
    refusal(resnet, "layer3", Target.ofClass(Long.MAX_VALUE));
    assertThrows(TargetException.class, () -> Target.ofClass(-1));
  }

  @ParameterizedTest
  @CsvSource({"9,0,0", "0,8,0", "0,0,8", "4294967296,0,0"})
  void cellsOutOfRangeAreRefused(long channel, long y, long x) {
    assertContains(
        "cell (%d, %d, %d) is out of range: the network's output has the shape [1, 9, 8, 8]"
            .formatted(channel, y, x),
        refusal(yolo, "backbone", Target.at(channel, y, x)));
  }

  @Test
  void negativeIndicesAreRefusedAtOnce() {
    assertThrows(TargetException.class, () -> Target.at(-1, 0, 0));
    assertThrows(TargetException.class, () -> Target.at(0, -1, 0));
    assertThrows(TargetException.class, () -> Target.at(0, 0, -1));
    assertThrows(TargetException.class, () -> Target.meanOf(-1));
  }

  @Test
  void nullIsNamed() {
    assertNamed("cell", () -> Target.at((long[]) null));
    assertNamed("slices", () -> Target.at((Slice[]) null));
    assertNamed("a slice", () -> Target.at(Slice.at(1), null));
    assertNamed("scores", () -> Target.of(null));
    assertNamed("path", () -> Target.top1().from(null));
    assertNamed("notation", () -> Slice.parse(null));
    assertNamed("saliencies", () -> Saliency.fuse(null));
    assertNamed("a saliency to fuse", () -> Saliency.fuse(Collections.singletonList(null)));
  }

  private static void assertNamed(String name, Executable call) {
    assertEquals(name, assertThrows(NullPointerException.class, call).getMessage());
  }

  @Test
  void targetsOfAnotherKindOfOutputAreRefused() {
    assertContains(
        "class 3 needs an output of shape [N, classes]; the network's has the shape [1, 9, 8, 8]",
        refusal(yolo, "backbone", Target.ofClass(3)));
    assertContains("needs an output", refusal(yolo, "backbone", Target.top1()));
    assertContains(
        "needs an output of shape [N, C, H, W]", refusal(resnet, "layer3", Target.at(1, 2, 3)));
    assertContains(
        "needs an output of shape [N, C, H, W] or any [N, C, …]",
        refusal(resnet, "layer3", Target.meanOf(1)));
    assertContains(
        "cell (3, 4) needs an output of shape [N, C, L]",
        refusal(yolo, "backbone", Target.at(3, 4)));
    assertContains("choose a cell (Target.at, --at)", refusal(yolo, "backbone", Target.top1()));
    assertContains(
        "the mean of channel 9 is out of range", refusal(yolo, "backbone", Target.meanOf(9)));
  }

  @Test
  void aMeanIsThatOverAllPlaces() {
    assertClose(
        map(yolo, "backbone", Target.of(output -> output.select(1, 4).mean(1, 2))),
        map(yolo, "backbone", Target.meanOf(4)),
        TOLERANCE);
  }

  @Test
  void aCellIsThatOfTheOutput() {
    assertClose(
        map(yolo, "backbone", Target.of(o -> o.select(1, 6).select(1, 3).select(1, 4))),
        map(yolo, "backbone", Target.at(6, 3, 4)),
        TOLERANCE);
  }

  @Test
  void aCustomFunctionGivesTheMapOfTheSameClass() {
    assertArrayEquals(
        map(resnet, "layer3", Target.ofClass(7)),
        map(resnet, "layer3", Target.of(output -> output.select(1, 7))));
  }

  @Test
  void scoresOfTheWrongShapeAreRefused() {
    assertContains(
        "one score for each of the 1 samples, not a tensor of shape [1, 10]",
        refusal(resnet, "layer3", Target.of(output -> output)));
    assertContains("not a tensor of shape []", refusal(resnet, "layer3", Target.of(Tensor::sum)));
    assertContains("not null", refusal(resnet, "layer3", Target.of(output -> null)));
    assertContains(
        "not a tensor of shape [10]",
        refusal(resnet, "layer3", Target.of(output -> output.select(0, 0))));
  }

  @Test
  void whatACustomFunctionThrowsIsTheCause() {
    IllegalStateException mine = new IllegalStateException("mine");
    Target throwing =
        Target.of(
            output -> {
              throw mine;
            });
    assertContains(
        "the scoring function failed on an output of shape [1, 10]: mine",
        refusal(resnet, "layer3", throwing));
    try (ScoreCam cam = ScoreCam.on(resnet).layer("layer3").build()) {
      assertSame(
          mine, assertThrows(TargetException.class, () -> cam.explain(input, throwing)).getCause());
    }
  }

  @Test
  void whatLibTorchThrowsInACustomFunctionIsOneLine() {
    assertContains(
        "the scoring function failed on an output of shape [1, 10]: ",
        refusal(resnet, "layer3", Target.of(output -> output.select(1, 1000))));
  }

  @Test
  void aFunctionThatFailsHalfwayLeavesTheExplainerUsableAndNothingBehind() {
    AtomicInteger calls = new AtomicInteger();
    Target failing =
        Target.of(
            output -> {
              if (output.size(0) > 1 && calls.incrementAndGet() % 3 == 0) {
                throw new IllegalStateException("enough");
              }
              return output.select(1, 3);
            });
    try (ScoreCam cam = ScoreCam.on(resnet).layer("layer3").batch(8).build()) {
      assertThrows(TargetException.class, () -> cam.explain(input, failing));
      float[][] expected;
      try (Saliency saliency = cam.explain(input, Target.ofClass(3))) {
        expected = saliency.toArray();
      }
      NativeObjects.assertNoneLeftBy(
          () -> assertThrows(TargetException.class, () -> cam.explain(input, failing)));
      try (Saliency saliency = cam.explain(input, Target.ofClass(3))) {
        assertArrayEquals(expected, saliency.toArray());
      }
    }
  }

  @Test
  void aPartOfATupleIsExplained() {
    Target byHand = Target.ofClass(4).from(0);
    assertEquals("class 4 of output 0", byHand.toString());
    assertEquals(OptionalLong.of(4), byHand.classIndex());
    float[] first = map(twoHeads, "body.layer3", byHand);
    Goldens.assertClose(
        map(twoHeads, "body.layer3", Target.of(output -> output.select(1, 4)).from(0)),
        first,
        TOLERANCE);
    float[] second = map(twoHeads, "body.layer3", Target.ofClass(0).from(1));
    assertTrue(Goldens.relativeError(first, second) > 1e-3, "both heads give one map");
  }

  @Test
  void theTopClassOfAPartIsFound() {
    try (ScoreCam cam = ScoreCam.on(twoHeads).layer("body.layer3").build();
        ModelOutput output = twoHeads.forward(input)) {
      for (int head = 0; head < 2; head++) {
        try (Saliency saliency = cam.explain(input, Target.top1().from(head));
            Tensor top = output.get(head).tensor().argmax()) {
          assertEquals(
              OptionalLong.of(top.item_long()), saliency.target().classIndex(), "head " + head);
        }
      }
    }
  }

  @Test
  void partsThatAreNotThereAreRefusedWithWhatThereIs() {
    assertContains(
        "the network's output has no part 'aux'; its only tensor is out [1, 5, 64, 64]",
        refusal(seg, "backbone", Target.meanOf(2).from("aux")));
    assertContains("no position 1; its", refusal(seg, "backbone", Target.meanOf(2).from(1)));
    assertContains(
        "no position 2; its tensors are",
        refusal(twoHeads, "body.layer3", Target.ofClass(0).from(2)));
    assertContains(
        "no part 'out': it is a tensor [1, 10]",
        refusal(resnet, "layer3", Target.ofClass(0).from("out")));
    assertContains(
        "what the network returned is a tuple with 0: tensor [1, 10], 1: tensor",
        refusal(twoHeads, "body.layer3", Target.ofClass(0)));
    assertThrows(TargetException.class, () -> Target.top1().from(-1));
  }

  @Test
  void theOnlyTensorNeedsNoChoice() {
    assertArrayEquals(
        map(seg, "backbone", Target.meanOf(2).from("out")), map(seg, "backbone", Target.meanOf(2)));
  }

  @Test
  void anOutputWithoutARowForEachInputIsRefused() {
    HookedModel model =
        ScriptedModels.script(
                "Sum",
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.maps.forward(x).sum()
                """)
            .child("maps", ScriptedModels.timesPlus(1, 0))
            .load(folder);
    try (model) {
      assertContains(
          "must have one row for each of the 1 inputs; its shape is []",
          refusal(model, "maps", Target.of(Tensor::clone)));
    }
  }
}
