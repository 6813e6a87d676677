package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.mask.MaskSampling;
import org.scorecam.model.HookedModel;
import org.scorecam.tensor.Tensors;

/** SS-CAM and IS-CAM against torch-cam's. */
class MaskSamplingTest {
  private static final double TOLERANCE = 1e-4;
  private static final HookedModel MODEL = Goldens.model("tinyresnet_script.pt");

  @AfterAll
  static void close() {
    MODEL.close();
  }

  private static ScoreCam.Builder cam(String layer, MaskSampling sampling) {
    return ScoreCam.on(MODEL).layer(layer).recipe(Recipe.TORCHCAM).sampling(sampling);
  }

  private static Saliency explain(ScoreCam.Builder builder, long classIndex) {
    try (ScoreCam cam = builder.build();
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      return cam.explain(input, Target.ofClass(classIndex));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "layer2, 3", "layer2, 8", "layer3, 3", "layer3, 8",
    "layer3.0.downsample, 3", "layer3.0.downsample, 8", "layer3.1.conv2, 3", "layer3.1.conv2, 8"
  })
  void scaledMasksGiveTheMapOfIsCam(String layer, long classIndex) {
    try (Saliency actual = explain(cam(layer, MaskSampling.scaled(10)), classIndex);
        Tensor expected =
            Goldens.tensor(
                "tinyresnet-%s-c%d-iscam.map.npy".formatted(layer.replace('.', '_'), classIndex))) {
      assertClose(expected, actual.tensor(), TOLERANCE);
      assertEquals(10, actual.status().samples());
      assertEquals(10 * actual.status().scoredChannels(), actual.status().passes());
      assertEquals(0, actual.status().savedPasses());
    }
  }

  @ParameterizedTest
  @CsvSource({"layer3, 3", "layer2, 8"})
  void theSameNoiseGivesTheMapOfSsCam(String layer, long classIndex) {
    try (Saliency actual = explain(cam(layer, MaskSampling.noise(5, 2.0, 7)), classIndex);
        Tensor expected =
            Goldens.tensor("tinyresnet-%s-c%d-sscam.map.npy".formatted(layer, classIndex))) {
      assertClose(expected, actual.tensor(), TOLERANCE);
    }
  }

  /** torch-cam's are of 400 samples, with noise of its own for every channel. */
  @Test
  void manySamplesComeNearTheWeightsOfSsCam() {
    try (Saliency actual = explain(cam("layer3", MaskSampling.noise(100, 0.5, 1)), 3);
        Tensor expected = Goldens.tensor("tinyresnet-layer3-c3-sscam-400.weights.npy");
        Saliency plain = explain(cam("layer3", MaskSampling.once()), 3)) {
      double distance = distance(Tensors.toArray(expected), actual.weights());
      assertTrue(distance < 0.2, () -> "weights differ by " + distance + " in sum");
      // What the comparison could not tell apart would prove nothing.
      double withoutNoise = distance(Tensors.toArray(expected), plain.weights());
      assertTrue(withoutNoise > 3 * distance, () -> "without noise by " + withoutNoise);
    }
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.abs(a[i] - b[i]);
    }
    return sum;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 7, 64})
  void mapsDoNotDependOnTheChunks(int rows) {
    MaskSampling sampling = MaskSampling.noise(5, 2.0, 7);
    try (Saliency expected = explain(cam("layer3", sampling).batch(32), 3);
        Saliency actual = explain(cam("layer3", sampling).batch(rows), 3)) {
      assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
    }
  }

  @Test
  void theSeedDecides() {
    try (Saliency first = explain(cam("layer3", MaskSampling.noise(2, 2.0, 1)), 3);
        Saliency same = explain(cam("layer3", MaskSampling.noise(2, 2.0, 1)), 3);
        Saliency other = explain(cam("layer3", MaskSampling.noise(2, 2.0, 2)), 3)) {
      assertArrayEquals(first.scores(), same.scores(), 1e-4f);
      assertTrue(distance(first.scores(), other.scores()) > 0.01);
    }
  }

  @Test
  void oneScaledSampleIsTheMaskItself() {
    try (Saliency scaled = explain(cam("layer3", MaskSampling.scaled(1)), 3);
        Saliency plain = explain(cam("layer3", MaskSampling.once()), 3)) {
      // Where masks are sampled, the first convolution is not computed from the maps' cells.
      assertArrayEquals(plain.scores(), scaled.scores(), (float) TOLERANCE);
    }
  }

  @Test
  void refusesWhatIsNoSampling() {
    assertMessage("samples must be at least 1, not 0", () -> MaskSampling.scaled(0));
    assertMessage("samples must be at least 1, not -3", () -> MaskSampling.noise(-3, 1, 0));
    for (double std : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertMessage(
          "the noise's standard deviation must be above 0 and finite, not " + std,
          () -> MaskSampling.noise(1, std, 0));
    }
  }

  private static void assertMessage(String expected, Runnable call) {
    IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class, call::run);
    assertEquals(expected, refusal.getMessage());
  }
}
