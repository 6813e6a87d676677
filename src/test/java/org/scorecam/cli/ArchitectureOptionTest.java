package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.OutputArchive;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.nn.Network;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.NpyFile;
import org.scorecam.tensor.Tensors;
import org.scorecam.weights.TensorInfo;
import org.scorecam.weights.WeightFile;
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

  /** Writes the network's float tensors twice into one file, with names that begin differently. */
  private Path twice() throws IOException {
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    StringBuilder header = new StringBuilder("{");
    try (WeightFile file = WeightFile.open(weights)) {
      for (String prefix : List.of("model.", "ema._orig_mod.")) {
        for (Map.Entry<String, TensorInfo> entry : file.tensors().entrySet()) {
          int begin = data.size();
          try (Tensor tensor = file.tensor(entry.getKey())) {
            ByteBuffer bytes =
                ByteBuffer.allocate((int) (tensor.numel() * Float.BYTES))
                    .order(ByteOrder.LITTLE_ENDIAN);
            bytes.asFloatBuffer().put(Tensors.toArray(tensor));
            data.writeBytes(bytes.array());
          }
          header.append(
              "%s\"%s%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                  .formatted(
                      begin == 0 ? "" : ",",
                      prefix,
                      entry.getKey(),
                      entry.getValue().shape(),
                      begin,
                      data.size()));
        }
      }
    }
    byte[] json = header.append("}").toString().getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(Long.BYTES + json.length + data.size()).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(json.length).put(json).put(data.toByteArray());
    return Files.write(folder.resolve("twice.safetensors"), bytes.array());
  }

  @Test
  void choosesWeightsByTheirKeyAndReportsWhatWasDone() throws IOException {
    Path twice = twice();
    Path json = folder.resolve("report.json");
    List<Object> arguments =
        new ArrayList<>(
            List.of("explain", "--arch", "squeezenet1_1", "--weights", twice, "--tensor", INPUT));
    arguments.addAll(List.of("--channels", "max:3", "--json", json));
    assertEquals(3, run(arguments.toArray()));
    assertTrue(run.err().contains("--weights-key"), run.err());
    arguments.addAll(List.of("--weights-key", "emma"));
    assertEquals(3, run(arguments.toArray()));
    assertTrue(
        run.err().contains("nothing under the key 'emma'; its names begin with 'model', 'ema'"),
        run.err());
    arguments.set(arguments.size() - 1, "ema");
    assertEquals(0, run(arguments.toArray()), () -> run.err());
    assertTrue(
        run.err()
            .contains(
                "52 tensors, found under 'ema'; prefix '_orig_mod.' dropped; everything fits"),
        run.err());
    JsonObject report = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    JsonObject loaded = report.getAsJsonObject("weights");
    assertEquals(twice.toString(), loaded.get("file").getAsString());
    assertEquals("ema", loaded.get("key").getAsString());
    assertEquals("_orig_mod.", loaded.get("prefix").getAsString());
    assertEquals(52, loaded.get("loaded").getAsInt());
    assertEquals("[]", loaded.get("missing").toString());
    assertEquals("{}", loaded.get("conversions").toString());
    assertEquals(2, run("layers", "--model", "net.pt", "--weights-key", "ema"));
    assertTrue(run.err().contains("--weights-key needs --arch"), run.err());
  }

  @Test
  void theNumberOfClassesCanBeGiven() {
    Object[] arguments = {
      "layers", "--arch", "squeezenet1_1", "--weights", weights, "--size", "64x64", "--classes", 4
    };
    assertEquals(0, run(arguments), () -> run.err());
    assertTrue(run.out().contains("1×4×3×3"), run.out());
    arguments[arguments.length - 1] = 5;
    assertEquals(3, run(arguments));
    assertTrue(
        run.err().contains("its last layer has 4 classes and the network's has 5"), run.err());
    assertTrue(run.err().contains("--classes 4"), run.err());
    arguments[arguments.length - 1] = 0;
    assertEquals(2, run(arguments));
    assertEquals(2, run("layers", "--model", "net.pt", "--classes", 4));
    assertTrue(run.err().contains("--classes needs --arch"), run.err());
  }
}
