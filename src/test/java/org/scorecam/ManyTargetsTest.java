package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.error.InputException;
import org.scorecam.error.TargetException;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Several targets share the passes of one input, and have the maps that each has alone. */
class ManyTargetsTest {
  private static final String LAYER = "layer3";
  private static final List<Target> TARGETS =
      List.of(
          Target.ofClass(3),
          Target.top1(),
          Target.of(output -> output.select(1, 2).sub(output.select(1, 7))),
          Target.ofClass(3));

  private static HookedModel model;
  private static Tensor input;

  @BeforeAll
  static void load() {
    model = Goldens.model("tinyresnet_script.pt");
    input = Goldens.tensor("tinyresnet.input.npy");
  }

  @AfterAll
  static void close() {
    model.close();
    input.close();
  }

  static Stream<Arguments> ways() {
    return Recipe.published().stream()
        .flatMap(
            recipe ->
                Stream.of(ChannelSelection.all(), ChannelSelection.topMax(9))
                    .map(channels -> Arguments.of(recipe, channels)));
  }

  private static void assertSame(Saliency expected, Saliency actual) {
    assertArrayEquals(Tensors.toArray(expected.tensor()), Tensors.toArray(actual.tensor()));
    assertArrayEquals(expected.weights(), actual.weights());
    assertArrayEquals(expected.scores(), actual.scores());
    assertEquals(expected.referenceScore(), actual.referenceScore());
    assertEquals(expected.status(), actual.status());
    assertEquals(expected.target().toString(), actual.target().toString());
    assertEquals(expected.layer(), actual.layer());
  }

  private static void closeAll(List<Saliency> saliencies) {
    saliencies.forEach(Saliency::close);
  }

  @ParameterizedTest
  @MethodSource("ways")
  void eachMapIsThatOfItsTargetAlone(Recipe recipe, ChannelSelection channels) {
    try (ScoreCam cam = ScoreCam.on(model).layer(LAYER).recipe(recipe).channels(channels).build()) {
      List<Saliency> together = cam.explain(input, TARGETS);
      assertEquals(TARGETS.size(), together.size());
      for (int t = 0; t < TARGETS.size(); t++) {
        try (Saliency alone = cam.explain(input, TARGETS.get(t))) {
          assertSame(alone, together.get(t));
        }
      }
      closeAll(together);
    }
  }

  @Test
  void thePassesAreRunOnce() {
    AtomicLong one = new AtomicLong();
    AtomicLong several = new AtomicLong();
    try (ScoreCam cam =
        ScoreCam.on(model).layer(LAYER).progress((scored, total) -> one.set(total)).build()) {
      cam.explain(input, TARGETS.get(0)).close();
    }
    try (ScoreCam cam =
        ScoreCam.on(model).layer(LAYER).progress((scored, total) -> several.set(total)).build()) {
      closeAll(cam.explain(input, TARGETS));
    }
    assertTrue(one.get() > 0);
    assertEquals(one.get(), several.get());
  }

  @ParameterizedTest
  @MethodSource("ways")
  void severalLayersAreGivenAndFusedForEachTarget(Recipe recipe, ChannelSelection channels) {
    try (ScoreCam cam =
        ScoreCam.on(model).layers("layer2", LAYER).recipe(recipe).channels(channels).build()) {
      List<List<Saliency>> byTarget = cam.explainLayers(input, TARGETS);
      List<Saliency> fused = cam.explain(input, TARGETS);
      for (int t = 0; t < TARGETS.size(); t++) {
        List<Saliency> alone = cam.explainLayers(input, TARGETS.get(t));
        for (int l = 0; l < alone.size(); l++) {
          assertSame(alone.get(l), byTarget.get(t).get(l));
        }
        try (Saliency fusedAlone = cam.explain(input, TARGETS.get(t))) {
          assertSame(fusedAlone, fused.get(t));
        }
        closeAll(alone);
      }
      byTarget.forEach(ManyTargetsTest::closeAll);
      closeAll(fused);
    }
  }

  @Test
  void inputsOfABatchMayHaveDifferentNumbersOfTargets() {
    List<List<Target>> targets =
        List.of(List.of(Target.ofClass(1)), TARGETS, List.of(Target.ofClass(0), Target.top1()));
    try (NativeScope scope = NativeScope.open();
        ScoreCam cam = ScoreCam.on(model).layer(LAYER).batch(8).build()) {
      Tensor batch = torch.cat(new TensorVector(input, input.flip(new long[] {3}), input.neg()), 0);
      List<List<Saliency>> together = cam.explainBatchTargets(batch, targets);
      for (int i = 0; i < targets.size(); i++) {
        assertEquals(targets.get(i).size(), together.get(i).size());
        for (int t = 0; t < targets.get(i).size(); t++) {
          try (Saliency alone = cam.explain(batch.narrow(0, i, 1), targets.get(i).get(t))) {
            Saliency shared = together.get(i).get(t);
            assertEquals(alone.target().toString(), shared.target().toString());
            MapAgreement agreement =
                MapAgreement.of(Tensors.toArray(alone.tensor()), Tensors.toArray(shared.tensor()));
            assertTrue(agreement.largestDifference() < 1e-5, agreement.toString());
          }
        }
        closeAll(together.get(i));
      }
    }
  }

  @Test
  void theTopClassesComeInTheOrderOfTheirScores() {
    try (NativeScope scope = NativeScope.open();
        ScoreCam cam = ScoreCam.on(model).layer(LAYER).build()) {
      float[] scores = Tensors.toArray(model.forward(input).tensor());
      long[] order =
          LongStream.range(0, scores.length)
              .boxed()
              .sorted((a, b) -> Float.compare(scores[b.intValue()], scores[a.intValue()]))
              .mapToLong(Long::longValue)
              .toArray();
      List<Saliency> top = cam.explain(input, Target.top(scores.length));
      for (int place = 0; place < scores.length; place++) {
        assertEquals(OptionalLong.of(order[place]), top.get(place).target().classIndex());
        assertEquals(scores[(int) order[place]], top.get(place).referenceScore(), 1e-4);
      }
      assertEquals("class %d (top class 2)".formatted(order[1]), top.get(1).target().toString());
      closeAll(top);
    }
  }

  @Test
  void badListsAreRefusedBeforeAnythingIsScored() {
    AtomicLong chunks = new AtomicLong();
    try (ScoreCam cam =
        ScoreCam.on(model)
            .layer(LAYER)
            .progress((scored, total) -> chunks.incrementAndGet())
            .build()) {
      String none =
          assertThrows(InputException.class, () -> cam.explain(input, List.of())).getMessage();
      assertTrue(none.contains("at least one target"), none);
      List<Target> withNull = new ArrayList<>(TARGETS);
      withNull.add(null);
      assertThrows(NullPointerException.class, () -> cam.explain(input, withNull));
      assertThrows(NullPointerException.class, () -> cam.explain(input, (List<Target>) null));
      List<Target> oneOutOfRange = List.of(Target.ofClass(1), Target.ofClass(1000));
      String range =
          assertThrows(TargetException.class, () -> cam.explain(input, oneOutOfRange)).getMessage();
      assertTrue(range.contains("class 1000 is out of range"), range);
      String top =
          assertThrows(TargetException.class, () -> cam.explain(input, Target.top(11)))
              .getMessage();
      assertTrue(top.contains("top class 11 is out of range"), top);
      NativeObjects.assertNoneLeftBy(
          () -> assertThrows(TargetException.class, () -> cam.explain(input, oneOutOfRange)));
    }
    assertThrows(TargetException.class, () -> Target.top(0));
    assertEquals(0, chunks.get());
  }
}
