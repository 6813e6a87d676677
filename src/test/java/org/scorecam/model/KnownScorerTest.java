package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.KeptFindings;
import org.scorecam.ScriptedModels;
import org.scorecam.nn.TestNetworks;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** The way to score that an earlier process found to be the fastest. */
class KnownScorerTest {
  private static final InputShape SHAPE = InputShape.of(3, 16, 16);
  private static final String QUESTION = "the fastest way to score inputs of 3×16×16 in float32";

  /** A way that would not be found: the plain one is tried first, and as fast. */
  private static final String UNLIKELY = "float32, contiguous, plain";

  @TempDir Path folder;

  private KeptFindings findings;

  @BeforeEach
  void nameTheFolder() {
    findings = new KeptFindings(folder.resolve("findings"));
  }

  @AfterEach
  void asBefore() {
    findings.close();
  }

  private HookedModel network(String expression) {
    return ScriptedModels.script(
            "Known",
            """
            def forward(self, x: Tensor) -> Tensor:
                y = torch.conv2d(x, self.w, None, [1, 1], [1, 1], [1, 1], 1)
                return torch.mean(%s, [2, 3])
            """
                .formatted(expression))
        .weight("w", 8, 3, 3, 3)
        .load(folder);
  }

  private static String wayOf(HookedModel model) {
    return model.scorer(Precision.FLOAT32, SHAPE).description();
  }

  @Test
  void isTakenWithoutATrial() {
    String found;
    try (HookedModel model = network("y")) {
      found = wayOf(model);
      assertEquals(Optional.of(found), model.findings().answerTo(QUESTION));
      model.findings().tell(QUESTION, UNLIKELY);
      assertEquals(found, wayOf(model), "what was tried here stays");
    }
    try (HookedModel model = network("y")) {
      assertEquals(UNLIKELY, wayOf(model));
    }
    try (HookedModel other = network("y * 2.")) {
      assertEquals(Optional.empty(), other.findings().answerTo(QUESTION));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "float32, contiguous, packed weights", "bfloat16, contiguous, plain"})
  void whatIsNoWayIsTriedAnew(String answer) {
    try (HookedModel model = network("y")) {
      model.findings().tell(QUESTION, answer);
      String found = wayOf(model);
      assertTrue(found.startsWith("float32, "), found);
      assertEquals(Optional.of(found), model.findings().answerTo(QUESTION));
    }
  }

  /** The network's code may have changed where its modules and weights have not. */
  @Test
  void isTriedAnewWhereRowsInfluenceEachOther() {
    try (HookedModel model = network("y - torch.mean(y)")) {
      model.findings().tell(QUESTION, UNLIKELY);
      Scorer scorer = model.scorer(Precision.FLOAT32, SHAPE);
      assertTrue(scorer.oneByOne().isPresent());
      assertEquals(Optional.of(UNLIKELY), model.findings().answerTo(QUESTION));
    }
  }

  @Test
  void networksInJavaAreKnownToo() {
    for (int run = 0; run < 2; run++) {
      torch.manual_seed(run);
      TestNetworks.Small network;
      try (NativeScope scope = NativeScope.open()) {
        network = scope.keep(new TestNetworks.Small());
      }
      try (ModuleModel model = ModuleModel.of(network, Device.cpu())) {
        if (run == 0) {
          model.findings().tell(QUESTION, UNLIKELY);
        }
        assertEquals(UNLIKELY, wayOf(model));
      }
    }
  }

  @Test
  void theNetworkAsItIsScoresFewInputsUntilItIsPrepared() {
    try (HookedModel model = network("y")) {
      assertTrue(model.unpreparedScorer(SHAPE).isEmpty(), "nothing is known of it");
      wayOf(model);
      assertTrue(model.unpreparedScorer(SHAPE).isEmpty(), "it is prepared");
    }
    HookedModel model = network("y");
    Scorer unprepared = model.unpreparedScorer(SHAPE).orElseThrow();
    assertSame(unprepared, model.unpreparedScorer(SHAPE).orElseThrow());
    assertTrue(model.unpreparedScorer(InputShape.of(3, 16, 17)).isEmpty());
    try (NativeScope scope = NativeScope.open()) {
      Tensor input = torch.rand(1, 3, 16, 16);
      float[] expected = valuesOf(model.forward(input));
      assertArrayEquals(expected, valuesOf(unprepared.score(input)));
      wayOf(model);
      assertTrue(model.unpreparedScorer(SHAPE).isEmpty(), "it is prepared");
      assertArrayEquals(
          expected, valuesOf(unprepared.score(input)), "as long as the model is open");
      model.close();
      assertThrows(IllegalStateException.class, () -> unprepared.score(input));
    }
  }

  private static float[] valuesOf(ModelOutput output) {
    try (output) {
      return Tensors.toArray(output.tensor());
    }
  }
}
