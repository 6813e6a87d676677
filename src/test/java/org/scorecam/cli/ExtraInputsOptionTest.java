package org.scorecam.cli;

import static org.scorecam.Goldens.assertClose;

import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.ScriptedModels;
import org.scorecam.Target;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.runtime.Device;
import org.scorecam.tensor.NpyFile;
import org.scorecam.tensor.Tensors;

/** {@code --extra}: what a network takes beside the input. */
class ExtraInputsOptionTest {
  private static final String INPUT = "src/test/resources/goldens/tinyresnet.input.npy";

  @TempDir Path folder;
  private Path network;
  private Path weight;

  @BeforeEach
  void writeFiles() throws Exception {
    network =
        ScriptedModels.script(
                "Weighted",
                """
                def forward(self, x: Tensor, weight: Tensor) -> Tensor:
                    return torch.relu(self.maps.forward(x)).sum([2, 3]) * weight
                """)
            .child("maps", ScriptedModels.patches(4))
            .save(folder);
    weight = folder.resolve("weight.npy");
    try (OutputStream out = Files.newOutputStream(weight)) {
      NpyFile.write(out, new float[] {1, -2, 3, 4}, 1, 4);
    }
  }

  private CommandLineRun explain(Object... more) {
    Object[] arguments = {
      "explain",
      "--model",
      network,
      "--layer",
      "maps",
      "--tensor",
      INPUT,
      "--class",
      "1",
      "--map",
      folder.resolve("map.npy")
    };
    Object[] all = new Object[arguments.length + more.length];
    System.arraycopy(arguments, 0, all, 0, arguments.length);
    System.arraycopy(more, 0, all, arguments.length, more.length);
    return CommandLineRun.of(all);
  }

  @Test
  void theMapIsThatOfTheFixedInputs() {
    explain("--extra", weight).assertDone();
    try (HookedModel model = TorchScriptModel.load(network, Device.cpu());
        Tensor input = NpyFile.read(Path.of(INPUT));
        Tensor fixed = Tensors.of(new float[] {1, -2, 3, 4}, 1, 4);
        ScoreCam cam = ScoreCam.on(model).layer("maps").fixedInputs(fixed).build();
        Saliency expected = cam.explain(input, Target.ofClass(1));
        Tensor actual = NpyFile.read(folder.resolve("map.npy"))) {
      assertClose(expected.tensor(), actual, 1e-5);
    }
  }

  @Test
  void missingAndSurplusInputsAreNamed() {
    String signature = "(x: Tensor, weight: Tensor)";
    explain().assertFails(ExitCode.BAD_INPUT, signature, "no value was given for 'weight'");
    explain("--extra", weight, "--extra", weight)
        .assertFails(ExitCode.BAD_INPUT, signature, "at most 1 can be given");
    explain("--extra", folder.resolve("none.npy")).assertFails(ExitCode.BAD_INPUT, "none.npy");
  }
}
