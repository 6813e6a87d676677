package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.error.LayerException;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.HookedModel;
import org.scorecam.nn.Layout;
import org.scorecam.tensor.Tensors;

/** The same maps, which three layers of a network put out in three layouts. */
class LayoutMapsTest {
  private static final double TOLERANCE = 1e-4;

  @TempDir private static Path folder;

  private static HookedModel model;
  private static Tensor input;

  /**
   * A network whose layers maps, last and tokens hold the same 12 maps of 8×12.
   *
   * @param tokens those that it makes its output of: "1:" for the places, ":1" for the leading one
   */
  static ScriptedModels.Script network(String name, String tokens) {
    return ScriptedModels.script(
            name,
            """
            def forward(self, x: Tensor) -> Tensor:
                y = self.tokens.forward(self.last.forward(self.maps.forward(x)))
                places = torch.relu(torch.matmul(y[:, %s], self.mix))
                return 20. * torch.matmul(torch.amax(places, 1), self.fc)
            """
                .formatted(tokens))
        .child(
            "maps",
            ScriptedModels.script(
                    "Maps",
                    """
                    def forward(self, x: Tensor) -> Tensor:
                        y = torch.conv2d(x, self.w, None, [4, 4], [0, 0], [1, 1], 1)
                        return torch.relu(10. * y)
                    """)
                .weight("w", 12, 3, 4, 4))
        .child("last", ScriptedModels.channelsLast())
        .child(
            "tokens",
            ScriptedModels.script(
                "Tokens",
                """
                def forward(self, x: Tensor) -> Tensor:
                    places = torch.flatten(x, 1, 2)
                    return torch.cat([torch.mean(places, 1, True), places], 1)
                """))
        .weight("mix", 12, 12)
        .weight("fc", 12, 5);
  }

  @BeforeAll
  static void load() {
    model = network("Layouts", "1:").load(folder);
    float[] values = new float[2 * 3 * 32 * 48];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.sin(i * 0.37 + i / 1000.0) + 0.3f;
    }
    input = Tensors.of(values, 2, 3, 32, 48);
  }

  @AfterAll
  static void close() {
    model.close();
    input.close();
  }

  private static List<Saliency> explain(ScoreCam.Builder builder) {
    try (ScoreCam cam = builder.build()) {
      return cam.explainBatch(input, List.of(Target.ofClass(1), Target.top1()));
    }
  }

  private static void assertSame(List<Saliency> expected, List<Saliency> actual) {
    for (int i = 0; i < expected.size(); i++) {
      try (Saliency one = expected.get(i);
          Saliency other = actual.get(i)) {
        assertTrue(!one.status().blank());
        assertClose(one.tensor(), other.tensor(), TOLERANCE);
        assertArrayEquals(one.weights(), other.weights(), 1e-5f);
        assertEquals(List.of(), other.plan().notes());
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "last, channels-last, all",
    "tokens, , all",
    "tokens, tokens:1, all",
    "last, channels-last, gradient",
    "tokens, , gradient",
    "tokens, , std",
    "tokens, , max",
  })
  void mapsDoNotDependOnTheLayout(String layer, String layout, String by) {
    ChannelSelection channels =
        switch (by) {
          case "gradient" -> ChannelSelection.topGradient(4);
          case "std" -> ChannelSelection.topStd(4);
          case "max" -> ChannelSelection.topMax(4);
          default -> ChannelSelection.all();
        };
    ScoreCam.Builder builder = ScoreCam.on(model).layer(layer).channels(channels);
    if (layout != null) {
      builder.layout(Layout.parse(layout));
    }
    assertSame(explain(ScoreCam.on(model).layer("maps").channels(channels)), explain(builder));
  }

  @ParameterizedTest
  @EnumSource(
      value = FeatureCam.Method.class,
      names = {"ABLATION", "RECIPRO"})
  void changedFeaturesDoNotDependOnTheLayout(FeatureCam.Method method) {
    List<Target> targets = List.of(Target.ofClass(1), Target.top1());
    try (FeatureCam first = FeatureCam.on(model, method).layer("maps").build();
        FeatureCam last =
            FeatureCam.on(model, method).layer("last").layout(Layout.CHANNELS_LAST).build();
        FeatureCam tokens = FeatureCam.on(model, method).layer("tokens").build()) {
      assertSame(first.explainBatch(input, targets), last.explainBatch(input, targets));
      assertSame(first.explainBatch(input, targets), tokens.explainBatch(input, targets));
    }
  }

  /** Places do not matter to a network that looks at the leading token alone; channels do. */
  @ParameterizedTest
  @CsvSource({"RECIPRO, true", "ABLATION, false"})
  void leadingTokensLoseChannelsButNotPlaces(FeatureCam.Method method, boolean blank) {
    try (HookedModel leading = network("Leading", ":1").load(folder);
        FeatureCam cam = FeatureCam.on(leading, method).layer("tokens").build();
        Tensor picture = input.narrow(0, 0, 1);
        Saliency actual = cam.explain(picture, Target.ofClass(1))) {
      assertEquals(blank, actual.status().blank());
    }
  }

  @Test
  void layersOfDifferentLayoutsAreFused() {
    try (ScoreCam one = ScoreCam.on(model).layer("maps").build();
        ScoreCam both = ScoreCam.on(model).layers("maps", "tokens").build();
        Tensor picture = input.narrow(0, 0, 1);
        Saliency expected = one.explain(picture, Target.ofClass(1));
        Saliency fused = both.explain(picture, Target.ofClass(1))) {
      assertClose(expected.tensor(), fused.tensor(), TOLERANCE);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"score-cam", "gradient", "ablation"})
  void whatCanBeSeveralIsAskedForAndNothingIsLeftBehind(String method) {
    ChannelSelection channels =
        method.equals("gradient") ? ChannelSelection.topGradient(3) : ChannelSelection.all();
    try (Explainer cam =
        method.equals("ablation")
            ? FeatureCam.on(model, FeatureCam.Method.ABLATION).layer("last").build()
            : ScoreCam.on(model).layer("last").channels(channels).build()) {
      NativeObjects.assertNoneLeftBy(
          () -> {
            LayerException refusal =
                assertThrows(
                    LayerException.class,
                    () -> cam.explainBatch(input, List.of(Target.ofClass(1), Target.top1())));
            assertTrue(refusal.getMessage().contains("say which"), refusal.getMessage());
          });
    }
  }
}
