package org.scorecam.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.scorecam.Goldens;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.model.Capture;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.ModuleModel;
import org.scorecam.model.RepeatedCall;
import org.scorecam.runtime.Device;

/** ResNet-18 from a state dict, against golden files that are too large for this repository. */
class ResNet18GoldenTest {
  private static final double TOLERANCE = 1e-4;
  private static final Path WEIGHTS = Goldens.file("resnet18/resnet18.pth");

  @BeforeEach
  void needFiles() {
    assumeTrue(
        Files.exists(WEIGHTS), () -> "there is no " + WEIGHTS + "; see -Dscorecam.goldens=FOLDER");
  }

  @Test
  void outputAndActivationsAreTheTorchScriptFiles() {
    List<String> layers = List.of("layer4.1.conv2", "layer3.0");
    try (ModuleModel model = Zoo.load("resnet18", WEIGHTS, Device.cpu());
        HookedModel script = Goldens.model("resnet18/resnet18_script.pt");
        Tensor input = Goldens.tensor("resnet18/resnet18.input.npy");
        Tensor output = Goldens.tensor("resnet18/resnet18.output.npy");
        Capture expected = script.capture(input, layers, RepeatedCall.LAST);
        Capture actual = model.capture(input, layers, RepeatedCall.LAST);
        ModelOutput scored = model.scorer().score(input)) {
      Goldens.assertClose(output, actual.output().tensor(), TOLERANCE);
      Goldens.assertClose(output, scored.tensor(), TOLERANCE);
      for (int i = 0; i < layers.size(); i++) {
        Goldens.assertClose(expected.activations().get(i), actual.activations().get(i), TOLERANCE);
      }
    }
  }

  @Test
  void mapsAreThePublishedOnes() throws IOException {
    int cases = 0;
    try (ModuleModel model = Zoo.load("resnet18", WEIGHTS, Device.cpu())) {
      for (Goldens.Case golden : Goldens.cases()) {
        if (!golden.text("model").startsWith("resnet18/")) {
          continue;
        }
        assertEquals("layer4", golden.text("layer"));
        try (ScoreCam cam =
                ScoreCam.on(model).recipe(golden.recipe()).channels(golden.channels()).build();
            Tensor input = Goldens.tensor(golden.text("input"));
            Tensor map = Goldens.tensor(golden.text("map"));
            Saliency saliency = cam.explain(input, golden.target())) {
          Goldens.assertClose(map, saliency.tensor(), TOLERANCE);
          cases++;
        }
      }
    }
    assertEquals(4, cases);
  }
}
