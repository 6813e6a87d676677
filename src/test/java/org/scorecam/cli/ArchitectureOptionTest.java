package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.pytorch.OutputArchive;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.nn.Network;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.NpyFile;
import org.scorecam.tensor.Tensors;
import org.scorecam.zoo.Zoo;
import org.scorecam.zoo.ZooOptions;

/** {@code --arch} and the {@code --weights} that come with it. */
class ArchitectureOptionTest {
  private static final String INPUT = "src/test/resources/goldens/tinyresnet.input.npy";

  @TempDir Path folder;
  private Path weights;
  private CommandLineRun run;

  @BeforeEach
  void writeWeights() {
    weights = folder.resolve("squeezenet.pt");
    try (Network network = Zoo.create("squeezenet1_1", new ZooOptions(4, 3));
        NativeScope scope = NativeScope.open()) {
      OutputArchive archive = new OutputArchive();
      network.save(archive);
      archive.save_to(weights.toString());
    }
  }

  private int run(Object... arguments) {
    run = CommandLineRun.of(arguments);
    return run.exitCode();
  }

  @Test
  void explainsTheCustomaryLayer() {
    Path map = folder.resolve("map.npy");
    Path channelWeights = folder.resolve("channels.npy");
    String[] arguments = {
      "explain",
      "--arch",
      "squeezenet1_1",
      "--weights",
      weights.toString(),
      "--tensor",
      INPUT,
      "--channels",
      "max:3",
      "--map",
      map.toString(),
      "--channel-weights",
      channelWeights.toString()
    };
    assertEquals(0, run((Object[]) arguments), () -> run.err());
    assertTrue(run.out().contains("features, 3 of 512 channels"), run.out());
    try (Tensor written = NpyFile.read(channelWeights)) {
      assertEquals("[512]", Tensors.shapeOf(written).replace("[1, ", "["));
    }
    assertTrue(Files.exists(map));
  }

  @Test
  void listsLayers() {
    assertEquals(
        0,
        run(
            "layers",
            "--arch",
            "squeezenet1_1",
            "--weights",
            weights.toString(),
            "--size",
            "64x64"),
        () -> run.err());
    assertTrue(run.out().contains("features.3.expand3x3"), run.out());
    assertTrue(run.out().contains("1×4×3×3"), run.out());
  }

  @Test
  void saysWhatIsMissingOrWrong() {
    assertEquals(2, run("layers", "--arch", "squeezenet1_1"));
    assertTrue(run.err().contains("--arch needs --weights"), run.err());
    assertEquals(2, run("layers", "--model", "net.pt", "--weights", weights.toString()));
    assertTrue(run.err().contains("--weights needs --arch"), run.err());
    long size = weights.toFile().length();
    String model = "src/test/resources/goldens/tinyresnet_script.pt";
    String[] forgotArch = {
      "explain",
      "--model",
      model,
      "--layer",
      "layer3",
      "--tensor",
      INPUT,
      "--weights",
      weights.toString()
    };
    assertEquals(2, run((Object[]) forgotArch));
    assertTrue(run.err().contains("--weights needs --arch"), run.err());
    assertTrue(run.err().contains("--channel-weights"), run.err());
    assertEquals(size, weights.toFile().length(), "the weight file is written over");
    Path missing = folder.resolve("new.npy");
    forgotArch[forgotArch.length - 1] = missing.toString();
    assertEquals(2, run((Object[]) forgotArch));
    assertFalse(Files.exists(missing), "channel weights were written by --weights");
    assertEquals(2, run("layers", "--model", "net.pt", "--arch", "resnet18"));
    assertTrue(run.err().contains("mutually exclusive"), run.err());
    assertEquals(3, run("layers", "--arch", "resnet19", "--weights", weights.toString()));
    assertTrue(run.err().contains("resnet18"), run.err());
    assertEquals(3, run("layers", "--arch", "alexnet", "--weights", weights.toString()));
    assertTrue(run.err().contains("does not fit the network"), run.err());
  }
}
