package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.SaliencyStatus.Estimate;
import org.scorecam.SaliencyStatus.Stop;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.MaskSampling;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Channels that are chosen as scores come in, on a layer whose maps are spots at many places. */
class AdaptiveSelectionTest {
  private static final int CHANNELS = 240;

  private static final String SPOTS =
      """
      def forward(self, x: Tensor) -> Tensor:
          k = torch.arange(240)
          row = torch.remainder(k * 0.377, 1.0) * 6.0
          column = torch.remainder(k * 0.611, 1.0) * 6.0
          place = torch.arange(7).unsqueeze(0)
          rows = torch.exp(-(place - row.unsqueeze(1)) ** 2 / 3.0)
          columns = torch.exp(-(place - column.unsqueeze(1)) ** 2 / 3.0)
          spots = rows.unsqueeze(2) * columns.unsqueeze(1)
          return spots.unsqueeze(0).repeat([x.size(0), 1, 1, 1])
      """;

  /** Two scores that depend on what a mask leaves of two places, and one that nothing predicts. */
  private static final String NETWORK =
      """
      def forward(self, x: Tensor) -> Tensor:
          maps = self.layer.forward(x)
          left = torch.mean(x[:, 0, :12, :12], [1, 2]) * 12.0
          right = torch.mean(x[:, 0, 16:, 16:], [1, 2]) * 12.0
          wild = torch.sin(torch.sum(x, [1, 2, 3]) * 100.0) * 4.0
          return torch.stack([left, right, wild, torch.mean(maps, [1, 2, 3])], 1)
      """;

  @TempDir Path folder;
  private HookedModel model;
  private Tensor input;

  @BeforeEach
  void open() {
    model =
        ScriptedModels.script("Places", NETWORK)
            .child("layer", ScriptedModels.script("Spots", SPOTS))
            .load(folder);
    try (NativeScope scope = NativeScope.open()) {
      torch.manual_seed(4);
      input = scope.keep(torch.rand(1, 1, 28, 28));
    }
  }

  @AfterEach
  void close() {
    model.close();
    input.close();
  }

  private ScoreCam.Builder cam(ChannelSelection channels) {
    return ScoreCam.on(model).layer("layer").channels(channels);
  }

  private static Estimate estimateOf(Saliency saliency) {
    return saliency.status().estimate().orElseThrow();
  }

  private static double correlation(Saliency expected, Saliency actual) {
    return MapAgreement.of(Tensors.toArray(expected.tensor()), Tensors.toArray(actual.tensor()))
        .correlation();
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiskw", "pytorch-grad-cam", "torchcam", "haofanwang"})
  void theMapComesNearThatOfAllChannels(String recipe) {
    try (ScoreCam all = cam(ChannelSelection.all()).recipe(Recipe.named(recipe)).build();
        ScoreCam some = cam(ChannelSelection.adaptive()).recipe(Recipe.named(recipe)).build();
        Saliency expected = all.explain(input, Target.ofClass(0));
        Saliency actual = some.explain(input, Target.ofClass(0))) {
      assertEquals(Optional.empty(), expected.status().estimate());
      assertEquals(Optional.of(Stop.CORRELATION_REACHED), estimateOf(actual).stop());
      assertTrue(actual.status().passes() < CHANNELS, "passes: " + actual.status().passes());
      assertTrue(correlation(expected, actual) >= 0.99, "off: " + correlation(expected, actual));
      assertTrue(estimateOf(actual).correlation() >= 0.99);
    }
  }

  @Test
  void channelsThatAreNotScoredHaveTheWeightThatIsExpected() {
    try (ScoreCam some = cam(ChannelSelection.adaptive()).build();
        Saliency actual = some.explain(input, Target.ofClass(0))) {
      float[] scores = actual.scores();
      float[] weights = actual.weights();
      long scored = IntStream.range(0, CHANNELS).filter(k -> !Float.isNaN(scores[k])).count();
      assertEquals(actual.status().scoredChannels(), scored);
      double rest =
          IntStream.range(0, CHANNELS)
              .filter(k -> Float.isNaN(scores[k]))
              .mapToDouble(k -> weights[k])
              .sum();
      assertEquals(estimateOf(actual).unscoredWeight(), rest, 1e-5);
      assertTrue(rest > 0 && rest < 0.9, "unscored weight " + rest);
      assertEquals(1, IntStream.range(0, CHANNELS).mapToDouble(k -> weights[k]).sum(), 1e-4);
    }
  }

  @Test
  void moreIsAskedMoreIsScored() {
    List<Long> passes = new ArrayList<>();
    for (double correlation : new double[] {0.9, 0.99, 0.9999, 1}) {
      try (ScoreCam some = cam(ChannelSelection.adaptive(correlation)).build();
          Saliency actual = some.explain(input, Target.ofClass(0))) {
        passes.add(actual.status().passes());
      }
    }
    assertEquals(passes.stream().sorted().toList(), passes);
    assertEquals(CHANNELS, passes.get(3));
  }

  @Test
  void whereMasksPredictNothingAllIsScored() {
    try (ScoreCam all = cam(ChannelSelection.all()).build();
        ScoreCam some = cam(ChannelSelection.adaptive(0.999)).build();
        Saliency expected = all.explain(input, Target.ofClass(2));
        Saliency actual = some.explain(input, Target.ofClass(2))) {
      assertEquals(new Estimate(1, 0, Optional.of(Stop.ALL_SCORED)), estimateOf(actual));
      assertEquals(CHANNELS, actual.status().passes());
      assertTrue(correlation(expected, actual) > 0.9999);
    }
  }

  @Test
  void fewChannelsAreAllScored() {
    try (HookedModel tiny = Goldens.model("tinydead_script.pt");
        Tensor picture = Goldens.tensor("tinydead.input.npy");
        ScoreCam all = ScoreCam.on(tiny).layer("relu").build();
        ScoreCam some =
            ScoreCam.on(tiny).layer("relu").channels(ChannelSelection.adaptive()).build();
        Saliency expected = all.explain(picture, Target.ofClass(1));
        Saliency actual = some.explain(picture, Target.ofClass(1))) {
      assertEquals(Optional.of(Stop.FEW_CHANNELS), estimateOf(actual).stop());
      assertArrayEquals(expected.weights(), actual.weights(), 1e-6f);
    }
  }

  @Test
  void severalTargetsMustAllBeNear() {
    List<Target> targets = List.of(Target.ofClass(0), Target.ofClass(1));
    try (ScoreCam all = cam(ChannelSelection.all()).build();
        ScoreCam some = cam(ChannelSelection.adaptive()).build()) {
      List<Saliency> expected = all.explain(input, targets);
      List<Saliency> actual = some.explain(input, targets);
      for (int t = 0; t < 2; t++) {
        assertTrue(correlation(expected.get(t), actual.get(t)) >= 0.99, "target " + t);
        assertEquals(Optional.of(Stop.CORRELATION_REACHED), estimateOf(actual.get(t)).stop());
      }
      assertEquals(actual.get(0).status().passes(), actual.get(1).status().passes());
      expected.forEach(Saliency::close);
      actual.forEach(Saliency::close);
    }
  }

  @Test
  void inABatchEachInputStopsByItself() {
    try (ScoreCam some = cam(ChannelSelection.adaptive()).workers(2).build();
        Tensor other = input.mul(new Scalar(0.25));
        Tensor both = torch.cat(new TensorVector(input, other), 0)) {
      List<Saliency> batch = some.explainBatch(both, List.of(Target.ofClass(0), Target.ofClass(1)));
      try (Saliency first = some.explain(input, Target.ofClass(0));
          Saliency second = some.explain(other, Target.ofClass(1))) {
        assertTrue(correlation(first, batch.get(0)) > 0.9999);
        assertTrue(correlation(second, batch.get(1)) > 0.9999);
        assertEquals(first.status().passes(), batch.get(0).status().passes());
      }
      batch.forEach(Saliency::close);
    }
  }

  @Test
  void samplesAreCounted() {
    try (ScoreCam some = cam(ChannelSelection.adaptive()).sampling(MaskSampling.scaled(3)).build();
        Saliency actual = some.explain(input, Target.ofClass(0))) {
      assertEquals(0, actual.status().passes() % 3);
      assertTrue(actual.status().passes() < 3 * CHANNELS);
    }
  }

  @Test
  void theListenerSeesTheMapGrow() {
    List<Long> passes = new ArrayList<>();
    List<Optional<Stop>> stops = new ArrayList<>();
    List<long[]> told = new ArrayList<>();
    ProgressListener listener =
        new ProgressListener() {
          @Override
          public void onProgress(long scored, long total) {
            told.add(new long[] {scored, total});
          }

          @Override
          public void onRound(int image, Supplier<List<Saliency>> maps) {
            for (Saliency map : maps.get()) {
              passes.add(map.status().passes());
              stops.add(estimateOf(map).stop());
              map.close();
            }
          }
        };
    try (ScoreCam some = cam(ChannelSelection.adaptive(0.9999)).progress(listener).build();
        Saliency actual = some.explain(input, Target.ofClass(0))) {
      assertEquals(List.of(32L, 48L), passes.subList(0, 2));
      assertEquals(passes.stream().sorted().distinct().toList(), passes);
      assertEquals(Optional.empty(), stops.get(0));
      assertEquals(estimateOf(actual).stop(), stops.get(stops.size() - 1));
      long[] last = told.get(told.size() - 1);
      assertArrayEquals(new long[] {actual.status().passes(), actual.status().passes()}, last);
      assertEquals(CHANNELS, told.get(0)[1]);
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -0.5, 1.01, Double.NaN, Double.POSITIVE_INFINITY})
  void correlationsThatNoMapCanHaveAreRefused(double correlation) {
    String words =
        assertThrows(IllegalArgumentException.class, () -> ChannelSelection.adaptive(correlation))
            .getMessage();
    assertTrue(words.contains("above 0 and at most 1"), words);
  }

  @Test
  void theSelectionInWords() {
    assertEquals("adaptive:0.99", ChannelSelection.adaptive().toString());
    assertEquals("all", ChannelSelection.adaptive(1).toString());
  }
}
