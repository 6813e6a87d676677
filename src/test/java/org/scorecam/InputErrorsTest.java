package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.error.InputException;
import org.scorecam.error.LayerException;
import org.scorecam.error.ScoreCamException;
import org.scorecam.model.HookedModel;
import org.scorecam.tensor.Tensors;

/** Inputs and layers that cannot be explained, and what is said of them. */
class InputErrorsTest {
  private static final Target TARGET = Target.ofClass(3);

  private static HookedModel model;

  @BeforeAll
  static void load() {
    model = Goldens.model("tinyresnet_script.pt");
  }

  @AfterAll
  static void close() {
    model.close();
  }

  /** The message; asserts that no masked input was scored, and that nothing is left behind. */
  private static <E extends ScoreCamException> String refusal(
      Class<E> type, String layer, Tensor input) {
    AtomicInteger chunks = new AtomicInteger();
    try (ScoreCam cam =
        ScoreCam.on(model)
            .layer(layer)
            .progress((scored, total) -> chunks.incrementAndGet())
            .build()) {
      String message = assertThrows(type, () -> cam.explain(input, TARGET)).getMessage();
      NativeObjects.assertNoneLeftBy(() -> assertThrows(type, () -> cam.explain(input, TARGET)));
      assertEquals(0, chunks.get(), "masked inputs were scored");
      assertEquals(1, message.lines().count(), message);
      assertFalse(message.contains("Exception raised from"), message);
      return message;
    }
  }

  private static String refusal(Tensor input) {
    return refusal(InputException.class, "layer3", input);
  }

  private static Tensor zeros(long... shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    return Tensors.of(new float[(int) count], shape);
  }

  private static void assertContains(String part, String whole) {
    assertTrue(whole.contains(part), whole);
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void aValueThatIsNotFiniteIsRefused(float value) {
    float[] values = new float[3 * 64 * 64];
    values[values.length - 1] = value;
    try (Tensor input = Tensors.of(values, 1, 3, 64, 64)) {
      assertContains("the input of shape [1, 3, 64, 64] contains NaN, infinities", refusal(input));
    }
  }

  @Test
  void aDoubleTooLargeForAFloatIsRefused() {
    try (Tensor zeros = zeros(1, 3, 64, 64);
        Tensor doubles = zeros.to(ScalarType.Double);
        Tensor huge = doubles.add(new Scalar(1e300))) {
      assertContains("too large for float32", refusal(huge));
    }
  }

  @Test
  void emptyInputsAreRefused() {
    try (Tensor noRows = zeros(1, 3, 0, 64);
        Tensor noChannels = zeros(1, 0, 64, 64);
        Tensor noSize = zeros(3, 0, 0)) {
      assertContains("an input of shape [1, 3, 0, 64] is empty", refusal(noRows));
      assertContains("is empty", refusal(noChannels));
      assertContains("is empty", refusal(noSize));
    }
    try (ScoreCam cam = ScoreCam.on(model).layer("layer3").build();
        Tensor none = zeros(0, 3, 64, 64)) {
      assertContains(
          "is empty",
          assertThrows(InputException.class, () -> cam.explainBatch(none, List.of())).getMessage());
      assertThrows(InputException.class, () -> cam.explain(none, TARGET));
      assertThrows(InputException.class, () -> cam.explain(new float[0][0], TARGET));
      assertThrows(InputException.class, () -> cam.explain(new float[4][4][0], TARGET));
    }
  }

  @Test
  void otherDimensionsAreRefused() {
    try (Tensor line = zeros(64);
        Tensor plane = zeros(64, 64);
        Tensor video = zeros(1, 3, 2, 64, 64);
        Tensor scalar = zeros()) {
      assertContains("inputs must have the shape [N, C, H, W], not [64]", refusal(line));
      assertContains("not [64, 64]", refusal(plane));
      assertContains("[1, 3, 2, 64, 64]", refusal(video));
      assertContains("not []", refusal(scalar));
    }
  }

  @Test
  void severalInputsAreNotOne() {
    try (Tensor two = zeros(2, 3, 64, 64)) {
      String message = refusal(two);
      assertContains("not [2, 3, 64, 64]", message);
      assertContains("explainBatch takes several", message);
    }
  }

  @Test
  void aBatchNeedsATargetEach() {
    try (ScoreCam cam = ScoreCam.on(model).layer("layer3").build();
        Tensor two = zeros(2, 3, 64, 64)) {
      assertContains(
          "2 inputs need a target each, but there are 1",
          assertThrows(InputException.class, () -> cam.explainBatch(two, List.of(TARGET)))
              .getMessage());
    }
  }

  @Test
  void aWrongNumberOfChannelsIsNamedByTheShapes() {
    try (Tensor grey = zeros(1, 1, 64, 64)) {
      String message = refusal(grey);
      assertContains("the network cannot run an input of shape [1, 1, 64, 64]: ", message);
      assertContains("a convolution in it takes 3 channels and was given 1", message);
    }
  }

  @Test
  void inputsSmallerThanTheNetworkTakesAreRefused() {
    try (HookedModel vgg = Goldens.model("tinyvgg_script.pt");
        ScoreCam cam = ScoreCam.on(vgg).layer("features").build();
        Tensor pixel = zeros(1, 3, 1, 1)) {
      String message =
          assertThrows(InputException.class, () -> cam.explain(pixel, TARGET)).getMessage();
      assertContains("the network cannot run an input of shape [1, 3, 1, 1]: ", message);
      assertEquals(1, message.lines().count(), message);
    }
  }

  @Test
  void wholeNumbersAreRefused() {
    try (Tensor zeros = zeros(1, 3, 64, 64);
        Tensor whole = zeros.to(ScalarType.Long)) {
      assertContains("inputs must be floating-point numbers, not Long", refusal(whole));
    }
  }

  @Test
  void layersThatPutOutNoMapsAreRefusedByTheirShape() {
    try (Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      assertContains(
          "layer 'fc' puts out a tensor of shape [1, 10]; activation maps must have the shape",
          refusal(LayerException.class, "fc", input));
    }
  }

  @Test
  void theExplainerIsUsableAfterARefusal() {
    try (ScoreCam cam = ScoreCam.on(model).layer("layer3").build();
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Tensor grey = zeros(1, 1, 64, 64);
        Tensor expected = Goldens.tensor("tinyresnet-layer3-c3-tiskw.map.npy")) {
      assertThrows(InputException.class, () -> cam.explain(grey, TARGET));
      try (Saliency saliency = cam.explain(input, TARGET)) {
        Goldens.assertClose(expected, saliency.tensor(), 1e-4);
      }
    }
  }

  @Test
  void aListenerThatThrowsStopsTheExplanation() {
    IllegalStateException enough = new IllegalStateException("enough");
    try (ScoreCam cam =
            ScoreCam.on(model)
                .layer("layer3")
                .batch(4)
                .progress(
                    (scored, total) -> {
                      if (scored >= 8) {
                        throw enough;
                      }
                    })
                .build();
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      NativeObjects.assertNoneLeftBy(
          () -> assertThrows(IllegalStateException.class, () -> cam.explain(input, TARGET)));
    }
  }

  @Test
  void nullIsNamed() {
    try (ScoreCam cam = ScoreCam.on(model).layer("layer3").build();
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      Target target = TARGET;
      assertNamed("model", () -> ScoreCam.on(null));
      assertNamed("path", () -> ScoreCam.on(model).layer(null));
      assertNamed("recipe", () -> ScoreCam.on(model).recipe(null));
      assertNamed("channels", () -> ScoreCam.on(model).channels(null));
      assertNamed("masker", () -> ScoreCam.on(model).masker(null));
      assertNamed("precision", () -> ScoreCam.on(model).precision(null));
      assertNamed("listener", () -> ScoreCam.on(model).progress(null));
      assertNamed("input", () -> cam.explain((Tensor) null, target));
      assertNamed("target", () -> cam.explain(input, (Target) null));
      assertNamed("inputs", () -> cam.explainBatch(null, List.of(target)));
      assertNamed("targets", () -> cam.explainBatch(input, null));
      assertNamed("a target", () -> cam.explainBatch(input, Collections.singletonList(null)));
    }
  }

  private static void assertNamed(String argument, Executable call) {
    assertEquals(argument, assertThrows(NullPointerException.class, call).getMessage());
  }
}
