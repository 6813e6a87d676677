package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.kernel.NativeBuild;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.MaskSampling;
import org.scorecam.mask.TensorMasker;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.model.Precision;
import org.scorecam.runtime.Findings;
import org.scorecam.runtime.NativeScope;

/**
 * The first convolution of masked inputs computed from the cells of their maps: the same maps come
 * out as of masked inputs, and what it is not made for goes the ordinary way.
 */
class StemTest {
  private static final double TOLERANCE = 1e-5;

  private static final InputShape SHAPE = InputShape.of(3, 64, 64);
  private static final String STEM = "torch.conv2d(x, self.w, self.b, [2, 2], [3, 3], [1, 1], 1)";

  @TempDir Path folder;

  private KeptFindings findings;
  private NativeScope scope;

  @BeforeEach
  void open() {
    NativeBuild.require();
    findings = new KeptFindings(folder.resolve("findings"));
    scope = NativeScope.open();
    torch.manual_seed(3);
  }

  @AfterEach
  void close() {
    if (scope != null) {
      scope.close();
      findings.close();
    }
  }

  /** A network with 7×7 filters whose layer has 80 maps, a fourth as large as its stem's. */
  private static Script script(String stem) {
    return ScriptedModels.script(
            "Stemmed",
            """
            def forward(self, x: Tensor) -> Tensor:
                y = %s
                y = self.layer.forward(y)
                return torch.mean(y, [2, 3])[:, :10] * 50.
            """
                .formatted(stem))
        .weight("w", 24, 3, 7, 7)
        .weight("b", 24)
        .child(
            "layer",
            ScriptedModels.script(
                    "Layer",
                    """
                    def forward(self, x: Tensor) -> Tensor:
                        return torch.conv2d(x, self.w, None, [4, 4], [1, 1], [1, 1], 1)
                    """)
                .weight("w", 80, 24, 3, 3));
  }

  private HookedModel load(Script script, InputShape... shapes) {
    HookedModel model = script.load(folder);
    for (InputShape shape : shapes) {
      // The way for which a stem is known; which way is the fastest is not looked at here.
      findings.tellPacked(model, shape);
    }
    return model;
  }

  private static ScoreCam cam(HookedModel model, Consumer<ScoreCam.Builder> settings) {
    ScoreCam.Builder builder = ScoreCam.on(model).layer("layer").recipe(Recipe.TORCHCAM);
    settings.accept(builder);
    return builder.build();
  }

  private static boolean isUsed(Saliency saliency) {
    return saliency.plan().notes().stream().anyMatch(note -> note.contains("first convolution"));
  }

  /** The same network, whose scorer does not tell what it begins with. */
  private static HookedModel whole(HookedModel model, InputShape shape) {
    return new WatchedModel(model).scoredBy(model.scorer(Precision.FLOAT32, shape));
  }

  /** Explains inputs, of which the map of masked inputs is known, and compares the maps. */
  private static void compare(
      HookedModel model, Tensor inputs, boolean used, Consumer<ScoreCam.Builder> settings) {
    InputShape shape = InputShape.ofRowsIn(inputs);
    try (ScoreCam ordinary = cam(whole(model, shape), settings);
        ScoreCam cam = cam(model, settings)) {
      List<Target> targets = Collections.nCopies((int) inputs.size(0), Target.ofClass(2));
      List<Saliency> expected = ordinary.explainBatch(inputs, targets);
      List<Saliency> actual = cam.explainBatch(inputs, targets);
      for (int i = 0; i < expected.size(); i++) {
        assertEquals(used, isUsed(actual.get(i)), () -> "used: " + actual.get(0).plan().notes());
        assertFalse(isUsed(expected.get(i)), "masked inputs were expected");
        assertClose(expected.get(i).tensor(), actual.get(i).tensor(), TOLERANCE);
        expected.get(i).close();
        actual.get(i).close();
      }
    }
  }

  static List<Recipe> recipes() {
    return Recipe.published();
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void mapsAreThoseOfMaskedInputs(Recipe recipe) {
    try (HookedModel model = load(script("torch.relu(" + STEM + ")"), SHAPE)) {
      compare(model, torch.randn(3, 3, 64, 64), true, builder -> builder.recipe(recipe));
    }
  }

  @ParameterizedTest
  @CsvSource({
    // expression, height, width
    "'torch.conv2d(x, self.w, self.b, [2, 2], [3, 3], [1, 1], 1)', 61, 83",
    "'torch.conv2d(x, self.w, None, [1, 2], [0, 3], [1, 1], 1)', 40, 40",
    "'torch.conv2d(x, self.w, self.b, [3, 2], [5, 6], [1, 2], 1)', 60, 71",
    "'torch.relu(torch.conv2d(x, self.w, self.b, [4, 4], [0, 0], [1, 1], 1))', 65, 64",
    "'torch.hardtanh(torch.conv2d(x, self.w, self.b, [2, 2], [9, 9], [1, 1], 1), 0., 6.)', 50, 51",
  })
  void windowsOfAllKinds(String stem, long height, long width) {
    InputShape shape = InputShape.of(3, height, width);
    try (HookedModel model = load(script(stem), shape)) {
      compare(model, torch.randn(1, 3, height, width), true, builder -> {});
    }
  }

  @Test
  void twoWorkersAndChunksThatHoldSeveralImages() {
    try (HookedModel model = load(script("torch.relu_(" + STEM + ")"), SHAPE)) {
      Tensor inputs = torch.randn(5, 3, 64, 64);
      compare(model, inputs, true, builder -> builder.workers(2).batch(7));
    }
  }

  @Test
  void constantAndNonFiniteMapsAndOtherFixedInputs() {
    String forward =
        """
        def forward(self, x: Tensor, factor: Tensor) -> Tensor:
            y = self.layer.forward(torch.relu(%s))
            return torch.mean(y, [2, 3])[:, :10] * factor
        """
            .formatted(STEM);
    String layer =
        """
        def forward(self, x: Tensor) -> Tensor:
            y = torch.conv2d(x, self.w, None, [4, 4], [1, 1], [1, 1], 1)
            k = torch.arange(40).view([1, 40, 1, 1])
            return y.masked_fill(k == 20, float("nan")).masked_fill(k == 21, 0.3)
        """;
    Script script =
        ScriptedModels.script("Fixed", forward)
            .weight("w", 24, 3, 7, 7)
            .weight("b", 24)
            .child("layer", ScriptedModels.script("Layer", layer).weight("w", 40, 24, 3, 3));
    Tensor factor = torch.full(new long[] {1, 1}, new Scalar(30.0f));
    try (HookedModel unbound = script.load(folder);
        HookedModel model = unbound.withFixedInputs(List.of(factor))) {
      findings.tellPacked(model, SHAPE);
      compare(model, torch.randn(2, 3, 64, 64), true, builder -> {});
    }
  }

  static Stream<Arguments> whatGoesTheOrdinaryWay() {
    Script usual = script("torch.relu(" + STEM + ")");
    Consumer<ScoreCam.Builder> nothing = builder -> {};
    return Stream.of(
        of("the input is read elsewhere", script(STEM + " + x[:, :1, :32, :32]"), nothing),
        of("its size is read", script(STEM + " * x.size(3)"), nothing),
        of("something comes first", script(STEM.replace("(x", "(x * 2.")), nothing),
        of("an activation that is no bound", script("torch.silu(" + STEM + ")"), nothing),
        of("groups", script(STEM.replace(", 1)", ", 3)")).weight("w", 24, 1, 7, 7), nothing),
        of(
            "small filters",
            script(STEM.replace("[3, 3]", "[1, 1]")).weight("w", 24, 3, 3, 3),
            nothing),
        of(
            "few channels for bicubic masks",
            usual,
            builder -> builder.recipe(Recipe.TISKW).channels(ChannelSelection.topMax(40))),
        of("few channels", usual, builder -> builder.channels(ChannelSelection.topMax(8))),
        of("noise", usual, builder -> builder.sampling(MaskSampling.noise(2, 0.1, 1))),
        of("another masker", usual, builder -> builder.masker(new TensorMasker())),
        of("little memory", usual, builder -> builder.memory(1 << 20)));
  }

  private static Arguments of(String name, Script script, Consumer<ScoreCam.Builder> settings) {
    return Arguments.of(name, script, settings);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource
  void whatGoesTheOrdinaryWay(String name, Script script, Consumer<ScoreCam.Builder> settings) {
    try (HookedModel model = load(script, SHAPE)) {
      compare(model, torch.randn(1, 3, 64, 64), false, settings);
    }
  }

  @Test
  void reducedPrecisionHasNoStem() {
    try (HookedModel model = load(script(STEM), SHAPE)) {
      assertTrue(model.scorer(Precision.FLOAT32, SHAPE).stem().isPresent());
      assertTrue(model.scorer(Precision.BFLOAT16, SHAPE).stem().isEmpty());
    }
  }

  @Test
  void canBeSwitchedOff() {
    System.setProperty("scorecam.stem", "off");
    try (HookedModel model = load(script(STEM), SHAPE)) {
      compare(model, torch.randn(1, 3, 64, 64), false, builder -> {});
    } finally {
      System.clearProperty("scorecam.stem");
    }
  }

  @Test
  void nothingIsLeftBehind() {
    try (HookedModel model = load(script("torch.relu(" + STEM + ")"), SHAPE);
        ScoreCam cam = cam(model, builder -> builder.batch(16))) {
      explain(cam, torch.randn(64, 3, 64, 64));
      Tensor few = torch.randn(3, 3, 64, 64);
      NativeObjects.assertNoneLeftBy(() -> explain(cam, few));
    }
  }

  private static void explain(ScoreCam cam, Tensor inputs) {
    List<Target> targets = Collections.nCopies((int) inputs.size(0), Target.ofClass(2));
    for (Saliency saliency : cam.explainBatch(inputs, targets)) {
      assertTrue(isUsed(saliency));
      saliency.close();
    }
  }

  /** Whichever way is the fastest, the packed network is tried, and has its stem cut off. */
  @Test
  void aClosedModelLeavesNothingBehind() {
    System.setProperty(Findings.FOLDER, "off");
    NativeObjects.assertNoneLeftBy(
        () -> {
          try (HookedModel model = script(STEM).load(folder)) {
            model.scorer(Precision.FLOAT32, SHAPE);
          }
        });
  }
}
