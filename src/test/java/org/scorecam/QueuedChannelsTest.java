package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.error.TargetException;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.MaskSampling;
import org.scorecam.mask.TensorMasker;
import org.scorecam.model.HookedModel;
import org.scorecam.model.Precision;
import org.scorecam.tensor.Tensors;

/** Explanations that ask nothing of the device before the end are those that do. */
class QueuedChannelsTest {
  @TempDir Path folder;

  private static final double TOLERANCE = 1e-5;

  private record Way(String name, UnaryOperator<ScoreCam.Builder> changed) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Way> ways() {
    return Stream.concat(
        Recipe.published().stream().map(each -> new Way(each.name(), cam -> cam.recipe(each))),
        Stream.of(
            new Way("max:8", cam -> cam.channels(ChannelSelection.topMax(8))),
            new Way("std:5", cam -> cam.channels(ChannelSelection.topStd(5))),
            new Way("chunks of 3", cam -> cam.batch(3)),
            new Way("tensor masker", cam -> cam.masker(new TensorMasker())),
            new Way("is-cam", cam -> cam.sampling(MaskSampling.scaled(3))),
            new Way("two layers", cam -> cam.layer("layer2"))));
  }

  private static void assertSame(Saliency expected, Saliency actual) {
    assertClose(expected.values(), actual.values(), TOLERANCE);
    assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
    assertArrayEquals(expected.weights(), actual.weights(), 1e-5f);
    assertArrayEquals(expected.scores(), actual.scores(), 1e-4f);
    assertEquals(expected.referenceScore(), actual.referenceScore(), 1e-5);
    assertEquals(expected.target().toString(), actual.target().toString());
    assertEquals(expected.target().classIndex(), actual.target().classIndex());
    SaliencyStatus known = expected.status();
    SaliencyStatus queued = actual.status();
    assertEquals(
        known.afterPasses(0, known.blank()),
        queued.afterPasses(0, queued.blank()),
        "all but the passes");
    assertTrue(known.passes() <= queued.passes());
  }

  private static void assertSame(
      ScoreCam.Builder builder, Tensor inputs, List<List<Target>> targets) {
    try (ScoreCam known = builder.sharedPasses(true).build();
        ScoreCam queued = builder.sharedPasses(false).build()) {
      List<List<Saliency>> expected = known.explainBatchTargets(inputs, targets);
      List<List<Saliency>> actual = queued.explainBatchTargets(inputs, targets);
      for (int i = 0; i < expected.size(); i++) {
        assertEquals(expected.get(i).size(), actual.get(i).size());
        for (int t = 0; t < expected.get(i).size(); t++) {
          try (Saliency one = expected.get(i).get(t);
              Saliency other = actual.get(i).get(t)) {
            assertSame(one, other);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void mapsAndAllThatIsToldOfThemAreTheSame(Way way) {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor inputs = Goldens.tensor("tinyresnet.batch.input.npy")) {
      List<Target> targets =
          List.of(
              Target.top1(),
              Target.ofClass(3),
              Target.top(2).get(1),
              Target.of(output -> output.select(1, 1)));
      assertSame(
          way.changed.apply(ScoreCam.on(model).layer("layer3")),
          inputs,
          Collections.nCopies((int) inputs.size(0), targets));
    }
  }

  static List<Recipe> recipes() {
    return Recipe.published();
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void constantChannelsCountTheSameWithAPassEach(Recipe recipe) {
    try (HookedModel model = Goldens.model("tinydead_script.pt");
        Tensor input = Goldens.tensor("tinydead.input.npy")) {
      assertSame(
          ScoreCam.on(model).layer("relu").recipe(recipe),
          input,
          List.of(List.of(Target.ofClass(1), Target.top1())));
    }
  }

  /** A map of NaN, one of an infinity, a constant one, and scores that are not finite for one. */
  @ParameterizedTest
  @MethodSource("recipes")
  void whatIsNotFiniteIsLeftOut(Recipe recipe) {
    Script maps =
        ScriptedModels.script(
            "Maps",
            """
            def forward(self, x: Tensor) -> Tensor:
                return torch.cat([x, x * float("nan"), 17.0 - x, x / (x - 3.0), x * 0.0, x * x], 1)
            """);
    Script net =
        ScriptedModels.script(
            "Net",
            """
            def forward(self, x: Tensor) -> Tensor:
                y = self.maps.forward(x)
                first = x.mean([2, 3])
                return torch.cat([first, torch.log(first - 3.0)], 1)
            """);
    float[] values = new float[16];
    for (int i = 0; i < values.length; i++) {
      values[i] = i + 1;
    }
    try (HookedModel model = net.child("maps", maps).load(folder);
        Tensor picture = Tensors.of(values, 1, 1, 4, 4)) {
      List<List<Target>> targets = List.of(List.of(Target.ofClass(0), Target.ofClass(1)));
      ScoreCam.Builder all = ScoreCam.on(model).layer("maps").recipe(recipe);
      try (ScoreCam cam = all.sharedPasses(false).build();
          Saliency map = cam.explain(picture, Target.ofClass(1))) {
        assertEquals(2, map.status().nonFiniteChannels());
        assertEquals(1, map.status().constantChannels());
        assertTrue(map.status().nonFiniteScores() > 0);
        assertEquals(6, map.status().passes());
      }
      assertSame(all, picture, targets);
      assertSame(all.channels(ChannelSelection.topMax(5)), picture, targets);
    }
  }

  @Test
  void targetsThatDoNotFitAreRefusedBeforeAnyChunk() {
    try (WatchedModel model = new WatchedModel(Goldens.model("tinyresnet_script.pt"));
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").sharedPasses(false).build()) {
      assertThrows(TargetException.class, () -> cam.explain(input, Target.ofClass(100_000)));
      assertThrows(TargetException.class, () -> cam.explain(input, Target.at(0, 0, 0)));
      List<Target> many = Target.top(100_000);
      assertThrows(TargetException.class, () -> cam.explain(input, many.get(99_999)));
      assertEquals(List.of(), model.chunks);
    }
  }

  @Test
  void channelsThatAreChosenByWhatIsSeenAreStillExplained() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      for (ChannelSelection chosen :
          List.of(ChannelSelection.adaptive(), ChannelSelection.topGradient(8))) {
        assertSame(
            ScoreCam.on(model).layer("layer3").channels(chosen),
            input,
            List.of(List.of(Target.top1())));
      }
    }
  }

  @Test
  void aReducedPrecisionIsTriedByTheMapsThatScoresMake() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      try (ScoreCam cam =
              ScoreCam.on(model)
                  .layer("layer3")
                  .sharedPasses(false)
                  .precision(Precision.BFLOAT16)
                  .build();
          ScoreCam exact = ScoreCam.on(model).layer("layer3").build();
          Saliency expected = exact.explain(input, Target.top1());
          Saliency actual = cam.explain(input, Target.top1())) {
        assertTrue(MapAgreement.of(expected.values(), actual.values()).correlation() > 0.99);
      }
    }
  }

  @Test
  void nothingNativeIsLeft() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").sharedPasses(false).build()) {
      NativeObjects.assertNoneLeftBy(
          () -> {
            for (Saliency map : cam.explain(input, Target.top(2))) {
              map.toArray();
              map.close();
            }
          });
    }
  }
}
