package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.error.InputException;
import org.scorecam.error.TargetException;
import org.scorecam.nn.HookHandle;
import org.scorecam.tensor.Tensors;

/** The frozen copy computes what the network does, and nothing is used after it is closed. */
class ScorerTest {
  private static final double TOLERANCE = 1e-4;

  /** The tensor that the golden output was taken from. */
  private static Tensor firstTensor(ModelOutput output) {
    return output.isTensor() ? output.tensor() : output.get(0).tensor();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tinyresnet",
        "tinyvgg",
        "tinygray",
        "tinyreuse",
        "tinydead",
        "tinybranch",
        "tinyyolo",
        "tinyseg",
        "tinytwohead"
      })
  void modelAndScorerGiveTheGoldenOutput(String name) {
    try (HookedModel model = Goldens.model(name + "_script.pt");
        Tensor input = Goldens.tensor(name + ".input.npy");
        Tensor expected = Goldens.tensor(name + ".output.npy");
        ModelOutput plain = model.forward(input);
        ModelOutput scored = model.scorer().score(input)) {
      assertClose(expected, firstTensor(plain), TOLERANCE);
      assertClose(expected, firstTensor(scored), TOLERANCE);
    }
  }

  @Test
  void aScorerTakesItsOwnMemoryFormat() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Tensor expected = Goldens.tensor("tinyresnet.output.npy");
        Tensor chunk = input.contiguous(model.scorer().memoryFormat());
        ModelOutput scored = model.scorer().score(chunk)) {
      assertClose(expected, scored.tensor(), TOLERANCE);
    }
  }

  @Test
  void freezingLeavesTheLayersOfTheModelInReach() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Capture before = model.capture(input, List.of("layer2.0.bn1"), RepeatedCall.LAST)) {
      assertSame(model.scorer(), model.scorer());
      try (Capture after = model.capture(input, List.of("layer2.0.bn1"), RepeatedCall.LAST)) {
        assertTrue(before.activations().get(0).equal(after.activations().get(0)));
      }
    }
  }

  @Test
  void noGradientIsRecorded() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Capture capture = model.capture(input, List.of("conv1"), RepeatedCall.LAST)) {
      assertFalse(capture.output().tensor().requires_grad());
      assertFalse(capture.activations().get(0).requires_grad());
    }
  }

  @Test
  void aChunkThatTheNetworkCannotRunIsNamedByItsShape() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor grey = Tensors.of(new float[2 * 64], 2, 1, 8, 8)) {
      Scorer scorer = model.scorer();
      String message = assertThrows(InputException.class, () -> scorer.score(grey)).getMessage();
      assertTrue(
          message.startsWith("the network cannot run an input of shape [2, 1, 8, 8]: "), message);
      assertEquals(1, message.lines().count(), message);
    }
  }

  @Test
  void partsOfDictsAndTuplesAreChosenAndWrongOnesRefused() {
    try (HookedModel model = Goldens.model("tinyseg_script.pt");
        Tensor input = Goldens.tensor("tinyseg.input.npy");
        ModelOutput dict = model.forward(input)) {
      assertEquals("a dict with out: tensor [1, 5, 64, 64]", dict.describe());
      assertSame(dict.get("out"), dict.get(0));
      assertSame(dict.get("out"), dict.get("0"));
      assertSame(dict.get("out").tensor(), dict.tensor(), "the only tensor");
      assertFalse(dict.isTensor());
      assertRefused(
          () -> dict.get("aux"), "has no part 'aux'; its only tensor is out [1, 5, 64, 64]");
      assertRefused(() -> dict.get(1), "has no position 1; its only tensor is out");
      assertRefused(() -> dict.get(-1), "has no position -1");
    }
    try (HookedModel model = Goldens.model("tinytwohead_script.pt");
        Tensor input = Goldens.tensor("tinytwohead.input.npy");
        ModelOutput tuple = model.forward(input)) {
      assertTrue(tuple.describe().startsWith("a tuple with 0: tensor [1, 10], 1: tensor [1, "));
      assertSame(tuple.get(0), tuple.get("0"));
      assertRefused(() -> tuple.get(2), "has no position 2; its tensors are ");
      assertRefused(() -> tuple.get(0).get(0), "has no position 0: it is a tensor [1, 10]");
      assertRefused(() -> tuple.get("0.0"), "has no part '0.0'; its tensors are 0 [1, 10], 1 [1, ");
      assertRefused(tuple::tensor, "choose one of its tensors with Target.from(…)");
    }
  }

  private static void assertRefused(Runnable choice, String reason) {
    String message = assertThrows(TargetException.class, choice::run).getMessage();
    assertTrue(message.contains(reason), message);
  }

  @Test
  void outputsCanBeClosedTwice() {
    try (HookedModel model = Goldens.model("tinytwohead_script.pt");
        Tensor input = Goldens.tensor("tinytwohead.input.npy")) {
      ModelOutput output = model.forward(input);
      output.close();
      output.close();
    }
  }

  @Test
  void aClosedModelRefusesEveryUseAndCanBeClosedAgain() {
    HookedModel model = Goldens.model("tinyresnet_script.pt");
    HookHandle handle = model.registerForwardHook("layer1", (layer, output) -> {});
    Scorer scorer = model.scorer();
    model.close();
    model.close();
    handle.close();
    try (Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      assertThrows(IllegalStateException.class, () -> model.forward(input));
      assertThrows(
          IllegalStateException.class,
          () -> model.capture(input, List.of("layer1"), RepeatedCall.LAST));
      assertThrows(
          IllegalStateException.class, () -> model.registerForwardHook("layer1", (l, o) -> {}));
      assertThrows(IllegalStateException.class, model::layers);
      assertThrows(IllegalStateException.class, model::scorer);
      assertThrows(IllegalStateException.class, () -> scorer.score(input));
    }
  }
}
