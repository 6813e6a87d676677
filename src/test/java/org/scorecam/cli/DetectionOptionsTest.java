package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.BoundingBox;
import org.scorecam.Goldens;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.ScriptedDetector;
import org.scorecam.Target;
import org.scorecam.kernel.NativeBuild;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.runtime.Device;
import org.scorecam.tensor.NpyFile;

/** {@code --box} and {@code --label}. */
class DetectionOptionsTest {
  @TempDir Path folder;
  private Path network;
  private Path input;

  @BeforeEach
  void writeFiles() throws Exception {
    NativeBuild.require();
    network = ScriptedDetector.net().save(folder);
    input = folder.resolve("input.npy");
    float[] values = new float[3 * 32 * 32];
    Random random = new Random(3);
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat();
    }
    try (OutputStream out = Files.newOutputStream(input)) {
      NpyFile.write(out, values, 1, 3, 32, 32);
    }
  }

  private CommandLineRun explain(Object... more) {
    Object[] arguments = {"explain", "--model", network, "--layer", "backbone", "--tensor", input};
    return CommandLineRun.of(
        Stream.concat(Arrays.stream(arguments), Arrays.stream(more)).toArray());
  }

  @Test
  void theMapIsThatOfTheDetection() {
    try (HookedModel model = TorchScriptModel.load(network, Device.cpu());
        Tensor tensor = NpyFile.read(input);
        ScoreCam cam = ScoreCam.on(model).layer("backbone").build();
        Saliency top = cam.explain(tensor, Target.topDetection())) {
      long label = top.target().classIndex().orElseThrow();
      BoundingBox box = new BoundingBox(3, 4, 21, 22);
      Path map = folder.resolve("map.npy");
      CommandLineRun run = explain("--box", box, "--label", label, "--map", map).assertDone();
      String named = "detection of label %d at 3,4,21,22, score 0.".formatted(label);
      assertTrue(run.out().contains(named), run.out());
      try (Saliency expected = cam.explain(tensor, Target.detection(box, label));
          Tensor actual = NpyFile.read(map)) {
        Goldens.assertClose(expected.tensor(), actual, 1e-5);
      }
      for (Object[] strongest : new Object[][] {{}, {"--label", label}}) {
        Object[] options = {"--box", "top", "--map", map};
        explain(Stream.concat(Arrays.stream(options), Arrays.stream(strongest)).toArray())
            .assertDone();
        try (Tensor actual = NpyFile.read(map)) {
          Goldens.assertClose(top.tensor(), actual, 1e-5);
        }
      }
    }
  }

  @Test
  void halfOfWhatIsNeededIsAMisuse() {
    explain("--box", "1,2,3,4").assertMisused("--box needs --label N");
    explain("--label", "1").assertMisused("--label needs --box x0,y0,x1,y1", "--class");
    explain("--box", "1,2,3", "--label", "1").assertMisused("'1,2,3' is not a box");
    explain("--box", "5,2,3,4", "--label", "1").assertMisused("x1 must be greater than x0");
    explain("--box", "1,2,3,4", "--label", "1", "--class", "2").assertMisused("mutually exclusive");
  }

  @Test
  void whatIsNotDetectedIsToldWithWhatIs() {
    explain("--box", "1,2,30,31", "--label", "9")
        .assertFails(
            ExitCode.BAD_INPUT,
            "the network detects nothing labelled 9 that overlaps the box 1,2,30,31; it detects label");
  }

  @Test
  void aNetworkWithoutDetectionsIsToldOf() {
    CommandLineRun.of(
            "explain",
            "--model",
            "src/test/resources/goldens/tinyresnet_script.pt",
            "--layer",
            "layer3",
            "--tensor",
            "src/test/resources/goldens/tinyresnet.input.npy",
            "--box",
            "top")
        .assertFails(ExitCode.BAD_INPUT, "a dict of boxes, labels and scores", "a tensor [");
  }
}
