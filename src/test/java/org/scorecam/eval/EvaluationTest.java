package org.scorecam.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.EnumSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.scorecam.BoundingBox;
import org.scorecam.Explainer;
import org.scorecam.FixedMap;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.error.InputException;
import org.scorecam.model.HookedModel;
import org.scorecam.tensor.Tensors;

/** What {@link PublishedMetricsTest} leaves out: numbers by hand, bad input, native memory. */
class EvaluationTest {
  private static final HookedModel MODEL = Goldens.model("tinyresnet_script.pt");

  @AfterAll
  static void close() {
    MODEL.close();
  }

  private static MapScores measure(
      Evaluation.Builder builder, Target target, Tensor map, List<BoundingBox> boxes) {
    try (Evaluation evaluation = builder.build();
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Explainer explainer = new FixedMap(map);
        Saliency saliency = explainer.explain(input, target)) {
      return evaluation.measure(explainer, input, saliency, boxes);
    }
  }

  /** Of 64×64 pixels a left half of 1 and a right half of 3: 0 and 1 when it is scaled. */
  private static Tensor halves() {
    float[] values = new float[64 * 64];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 64 < 32 ? 1 : 3;
    }
    return Tensors.of(values, 64, 64);
  }

  @Test
  void energyIsTheShareInsideOfTheBoxes() {
    try (Tensor map = halves()) {
      Evaluation.Builder energy = Evaluation.on(MODEL).metrics(Set.of(Metric.ENERGY));
      Target target = Target.ofClass(3);
      List<BoundingBox> half = List.of(new BoundingBox(0, 0, 64, 32));
      List<BoundingBox> overlapping =
          List.of(new BoundingBox(32, 0, 48, 64), new BoundingBox(40, 0, 48, 64));
      List<BoundingBox> left = List.of(new BoundingBox(-9, 0, 32.4, 64));
      assertEquals(0.5, measure(energy, target, map, half).energy().orElseThrow(), 1e-12);
      assertEquals(0.5, measure(energy, target, map, overlapping).energy().orElseThrow(), 1e-12);
      assertEquals(0, measure(energy, target, map, left).energy().orElseThrow());
      MapScores without = measure(energy, target, map, List.of());
      assertTrue(without.energy().isEmpty());
      assertEquals(1, without.passes());
    }
  }

  @Test
  void aBlankMapHasNumbersToo() {
    try (Tensor blank = Tensors.of(new float[16], 4, 4)) {
      MapScores scores =
          measure(
              Evaluation.on(MODEL), Target.ofClass(3), blank, List.of(new BoundingBox(0, 0, 9, 9)));
      assertEquals(OptionalDouble.of(0), scores.energy());
      assertEquals(OptionalDouble.of(0), scores.complexity());
      assertEquals(OptionalDouble.of(0), scores.coherency());
      assertEquals(OptionalDouble.of(0), scores.adcc());
      // All pixels are at or above every percentile: they are removed as both kinds.
      MapScores.Road road = scores.road().orElseThrow();
      assertEquals(road.withoutMost().get(0), road.withoutLeast().get(0), 1e-6);
      assertEquals(9, road.withoutMost().size());
      assertFalse(scores.values().containsValue(Double.NaN), scores.values().toString());
    }
  }

  @Test
  void curvesBeginWithTheFillAndEndWithTheInput() {
    try (Tensor map = halves()) {
      MapScores scores =
          measure(
              Evaluation.on(MODEL)
                  .metrics(EnumSet.of(Metric.INSERTION, Metric.DELETION))
                  .fills(EnumSet.of(Fill.MEAN))
                  .steps(2),
              Target.ofClass(3),
              map,
              List.of());
      Curve insertion = scores.insertion().get(Fill.MEAN);
      Curve deletion = scores.deletion().get(Fill.MEAN);
      assertEquals(List.of(0.0, 0.5, 1.0), insertion.fractions());
      assertEquals(scores.score(), insertion.scores().get(2));
      assertEquals(scores.score(), deletion.scores().get(0));
      assertEquals(insertion.scores().get(0), deletion.scores().get(2));
      List<Double> at = insertion.scores();
      assertEquals((at.get(0) + 2 * at.get(1) + at.get(2)) / 4, insertion.area(), 1e-12);
      // The input, the fill, and half of each way.
      assertEquals(4, scores.passes());
    }
  }

  @Test
  void whatCannotBeMeasuredIsSaid() {
    try (Evaluation evaluation = Evaluation.on(MODEL).build();
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Tensor two = Goldens.tensor("tinyresnet.batch.input.npy");
        Tensor wrong = Tensors.of(new float[] {0, 1, Float.NaN, 3}, 2, 2);
        Tensor good = halves();
        Explainer broken = new FixedMap(wrong);
        Explainer explainer = new FixedMap(good);
        Saliency nan = broken.explain(input, Target.ofClass(3));
        Saliency saliency = explainer.explain(input, Target.ofClass(3));
        Saliency beyond = explainer.explain(input, Target.ofClass(10_000))) {
      assertFails("NaN", () -> evaluation.measure(broken, input, nan, List.of()));
      assertFails("[1, C, H, W]", () -> evaluation.measure(explainer, two, saliency, List.of()));
      assertFails(
          "10000 out of range", () -> evaluation.measure(explainer, input, beyond, List.of()));
      assertEquals(
          "boxes",
          assertThrows(
                  NullPointerException.class,
                  () -> evaluation.measure(explainer, input, saliency, null))
              .getMessage());
    }
    Evaluation.Builder builder = Evaluation.on(MODEL);
    assertThrows(IllegalArgumentException.class, () -> builder.metrics(Set.of()));
    assertThrows(IllegalArgumentException.class, () -> builder.fills(Set.of()));
    assertThrows(IllegalArgumentException.class, () -> builder.steps(0));
    assertThrows(IllegalArgumentException.class, () -> new Curve(List.of(0.0), List.of()));
  }

  private static void assertFails(String words, Runnable work) {
    InputException thrown = assertThrows(InputException.class, work::run);
    assertTrue(thrown.getMessage().contains(words), thrown.getMessage());
  }

  @Test
  void leavesNothingBehind() {
    try (Evaluation evaluation = Evaluation.on(MODEL).steps(4).batch(20).build();
        Explainer cam = ScoreCam.on(MODEL).layer("layer3").batch(20).build();
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      Runnable measured =
          () -> {
            try (Saliency saliency = cam.explain(input, Target.top1())) {
              evaluation.measure(cam, input, saliency, List.of());
            }
          };
      // Until the ways to run the network were tried.
      for (int i = 0; i < 8; i++) {
        measured.run();
      }
      NativeObjects.assertNoneLeftBy(measured);
    }
  }
}
