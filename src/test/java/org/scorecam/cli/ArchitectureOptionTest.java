package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
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
  private String out;
  private String err;

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

  private int run(String... arguments) {
    StringWriter outWriter = new StringWriter();
    StringWriter errWriter = new StringWriter();
    int code =
        Main.run(new PrintWriter(outWriter, true), new PrintWriter(errWriter, true), arguments);
    out = outWriter.toString();
    err = errWriter.toString();
    return code;
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
    assertEquals(0, run(arguments), () -> err);
    assertTrue(out.contains("features, 3 of 512 channels"), out);
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
        () -> err);
    assertTrue(out.contains("features.3.expand3x3"), out);
    assertTrue(out.contains("1×4×3×3"), out);
  }

  @Test
  void saysWhatIsMissingOrWrong() {
    assertEquals(2, run("layers", "--arch", "squeezenet1_1"));
    assertTrue(err.contains("--arch needs --weights"), err);
    assertEquals(2, run("layers", "--model", "net.pt", "--weights", weights.toString()));
    assertTrue(err.contains("--weights needs --arch"), err);
    assertEquals(2, run("layers", "--model", "net.pt", "--arch", "resnet18"));
    assertTrue(err.contains("mutually exclusive"), err);
    assertEquals(3, run("layers", "--arch", "resnet19", "--weights", weights.toString()));
    assertTrue(err.contains("resnet18"), err);
    assertEquals(3, run("layers", "--arch", "alexnet", "--weights", weights.toString()));
    assertTrue(err.contains("does not fit the network"), err);
  }
}
