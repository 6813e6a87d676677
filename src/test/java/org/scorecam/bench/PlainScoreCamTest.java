package org.scorecam.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.Recipe;
import org.scorecam.error.InputException;
import org.scorecam.model.Capture;
import org.scorecam.model.HookedModel;
import org.scorecam.model.RepeatedCall;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** The benchmarks' baseline computes what the Python project that it stands for computes. */
class PlainScoreCamTest {
  private static final double TOLERANCE = 1e-4;
  private static final String MODEL = "tinyresnet_script.pt";

  /** All channels, one layer, a class of the network's one output. */
  static List<Goldens.Case> cases() throws IOException {
    List<Goldens.Case> cases =
        Goldens.cases().stream()
            .filter(golden -> golden.recipe().equals(Recipe.TISKW))
            .filter(golden -> !golden.json().has("cskip"))
            .filter(golden -> golden.json().getAsJsonObject("target").has("class"))
            .filter(golden -> !golden.json().getAsJsonObject("target").has("reduce"))
            .filter(golden -> !golden.json().getAsJsonObject("target").has("output"))
            .toList();
    assertTrue(cases.size() >= 10, "only " + cases.size() + " cases");
    return cases;
  }

  private static Tensor activations(String model, String layer, Tensor image) {
    try (NativeScope scope = NativeScope.open();
        HookedModel network = Goldens.model(model);
        Capture capture = network.capture(image, List.of(layer), RepeatedCall.LAST)) {
      return scope.keep(capture.activations().get(0).select(0, 0).clone());
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void mapIsThePublishedOne(Goldens.Case golden) {
    long classIndex = golden.json().getAsJsonObject("target").get("class").getAsLong();
    try (Tensor image = Goldens.tensor(golden.text("input"));
        Tensor activations = activations(golden.text("model"), golden.text("layer"), image);
        Tensor expected = Goldens.tensor(golden.text("map"));
        JitModule network =
            torch.load(golden.path("model").toString(), new DeviceOptional(), false)) {
      network.eval();
      try (Tensor actual =
          PlainScoreCam.explain(PlainScoreCam.of(network), image, activations, classIndex)) {
        assertClose(expected, actual, TOLERANCE);
      }
    }
  }

  private static PlainProcess process(Path model, long classIndex, boolean tuned) {
    try (Tensor image = Goldens.tensor("tinyresnet.input.npy");
        Tensor activations = activations(MODEL, "layer3", image)) {
      return new PlainProcess(
          new PlainProcess.Task(model, Device.cpu(), image, activations, classIndex), tuned);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aProcessOfItsOwnComputesTheSame(boolean tuned) {
    try (PlainProcess plain = process(Goldens.file(MODEL), 3, tuned);
        Tensor expected = Goldens.tensor("tinyresnet-layer3-c3-tiskw.map.npy")) {
      Lap lap = plain.run();
      assertEquals(64, lap.passes());
      assertTrue(lap.seconds() > 0 && lap.seconds() < 60, lap::toString);
      assertClose(Tensors.toArray(expected), plain.map(), TOLERANCE);
      plain.run();
      assertClose(Tensors.toArray(expected), plain.map(), TOLERANCE);
    }
  }

  @Test
  void itSaysWhyItCannot() {
    InputException noModel =
        assertThrows(InputException.class, () -> process(Path.of("none.pt"), 3, false));
    assertTrue(noModel.getMessage().contains("none.pt"), noModel.getMessage());
    try (PlainProcess plain = process(Goldens.file(MODEL), 10, false)) {
      InputException noClass = assertThrows(InputException.class, plain::run);
      assertTrue(noClass.getMessage().contains("baseline failed"), noClass.getMessage());
    }
  }
}
