package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.error.InputException;
import org.scorecam.error.TargetException;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.NpyFile;

/**
 * Maps on average over mirrored and scaled inputs, against pytorch-grad-cam's {@code aug_smooth}.
 */
class SmoothedTest {
  private static final double TOLERANCE = 1e-4;

  static List<GradientCamTest.Case> cases() throws IOException {
    return GradientCamTest.cases().stream().filter(GradientCamTest.Case::smooth).toList();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void mapIsThePublishedOne(GradientCamTest.Case golden) {
    try (HookedModel model = golden.model();
        Smoothed cam = Smoothed.of(golden.builder(model).build());
        Tensor input = golden.input();
        Tensor expected = golden.map();
        Saliency actual = cam.explain(input, golden.target())) {
      assertClose(expected, actual.tensor(), TOLERANCE);
      assertEquals(0, actual.weights().length);
    }
  }

  @Test
  void progressIsThatOfOneExplanation() {
    List<Long> scored = new ArrayList<>();
    List<Long> totals = new ArrayList<>();
    ProgressListener listener =
        (now, total) -> {
          scored.add(now);
          totals.add(total);
        };
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Smoothed cam =
            Smoothed.of(
                told ->
                    FeatureCam.on(model, FeatureCam.Method.RECIPRO)
                        .layer("layer3")
                        .batch(32)
                        .progress(told)
                        .build(),
                listener);
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      for (int time = 0; time < 2; time++) {
        scored.clear();
        totals.clear();
        cam.explain(input, Target.ofClass(3)).close();
        assertEquals(
            LongStream.rangeClosed(1, 12).map(i -> 32 * i).boxed().toList(), List.copyOf(scored));
        assertEquals(Collections.nCopies(12, 384L), totals);
      }
    }
  }

  /** Of any method, and each input of a batch by itself. */
  @Test
  void theMeanIsOverSixMaps() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        NativeScope scope = NativeScope.open();
        ScoreCam plain =
            ScoreCam.on(model).layer("layer3").channels(ChannelSelection.topMax(5)).build();
        Smoothed cam =
            Smoothed.of(
                ScoreCam.on(model).layer("layer3").channels(ChannelSelection.topMax(5)).build())) {
      Tensor inputs = Goldens.tensor("tinyresnet.batch.input.npy");
      List<List<Target>> targets =
          List.of(
              List.of(Target.ofClass(3), Target.top1()),
              List.of(Target.top1()),
              List.of(Target.ofClass(0)));
      List<List<Saliency>> maps = cam.explainBatchTargets(inputs, targets);
      for (int i = 0; i < targets.size(); i++) {
        Tensor input = inputs.narrow(0, i, 1);
        for (Saliency actual : maps.get(i)) {
          Tensor mean = torch.zeros(inputs.size(2), inputs.size(3));
          // The class found in the input as it came, also where a changed one has another.
          Target target = Target.ofClass(actual.target().classIndex().orElseThrow());
          for (double factor : new double[] {0.9, 1, 1.1}) {
            Tensor scaled = input.mul(new Scalar(factor));
            try (Saliency straight = plain.explain(scaled, target);
                Saliency mirrored = plain.explain(scaled.flip(3), target)) {
              mean.add_(straight.tensor()).add_(mirrored.tensor().flip(1));
            }
          }
          assertClose(mean.div(new Scalar(6)), actual.tensor(), TOLERANCE);
          assertTrue(actual.status().passes() > 24, "passes of all maps");
          actual.close();
        }
      }
      inputs.close();
    }
  }

  @Test
  void seriesAreNotMirrored() {
    Path folder = Path.of("src/test/resources/layouts");
    try (HookedModel model =
            TorchScriptModel.load(folder.resolve("tinyseries_script.pt"), Device.cpu());
        NativeScope scope = NativeScope.open();
        GradientCam plain =
            GradientCam.on(model, GradientCam.Method.GRAD)
                .layer("layer3")
                .layout(Layout.CHANNELS_FIRST)
                .build();
        Smoothed cam =
            Smoothed.of(
                GradientCam.on(model, GradientCam.Method.GRAD)
                    .layer("layer3")
                    .layout(Layout.CHANNELS_FIRST)
                    .build())) {
      Tensor input = NpyFile.read(folder.resolve("tinyseries.input.npy"));
      Tensor mean = torch.zeros(input.size(2));
      for (double factor : new double[] {0.9, 1, 1.1}) {
        try (Saliency each = plain.explain(input.mul(new Scalar(factor)), Target.ofClass(3))) {
          mean.add_(each.tensor());
        }
      }
      try (Saliency actual = cam.explain(input, Target.ofClass(3))) {
        assertArrayEquals(new long[] {input.size(2)}, actual.shape());
        assertClose(mean.div(new Scalar(3)), actual.tensor(), TOLERANCE);
      }
      input.close();
    }
  }

  @Test
  void targetsThatNameAPlaceAreRefused() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Smoothed cam = Smoothed.of(ScoreCam.on(model).layer("layer3").build())) {
      for (Target target :
          List.of(
              Target.at(1, 2, 3),
              Target.at(Slice.at(1), Slice.of(0, 2), Slice.all()),
              Target.topDetection())) {
        TargetException refused =
            assertThrows(TargetException.class, () -> cam.explain(input, target));
        assertTrue(refused.getMessage().contains("smoothing mirrors the input"));
      }
      assertThrows(NullPointerException.class, () -> cam.explainBatch(null, List.of()));
      assertThrows(InputException.class, () -> cam.explainBatch(input, List.of()));
      assertThrows(NullPointerException.class, () -> Smoothed.of(null));
    }
  }

  @Test
  void nothingIsLeftBehindAndTheExplainerIsClosed() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        NativeScope scope = NativeScope.open()) {
      GradientCam inner = GradientCam.on(model, GradientCam.Method.LAYER).layer("layer3").build();
      Tensor input = torch.randn(2, 3, 64, 64);
      List<Target> targets = List.of(Target.top1(), Target.ofClass(2));
      try (Smoothed cam = Smoothed.of(inner)) {
        cam.explainBatch(torch.randn(64, 3, 64, 64), Collections.nCopies(64, Target.top1()))
            .forEach(Saliency::close);
        NativeObjects.assertNoneLeftBy(
            () -> cam.explainBatch(input, targets).forEach(Saliency::close));
      }
      assertThrows(IllegalStateException.class, () -> inner.explainBatch(input, targets));
    }
  }
}
