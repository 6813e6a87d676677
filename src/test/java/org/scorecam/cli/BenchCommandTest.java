package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.Goldens;
import org.scorecam.ScriptedModels;
import org.scorecam.bench.Suite;
import org.scorecam.image.Picture;
import picocli.CommandLine;

/** The command {@code bench}, on a network so small that the times mean nothing. */
class BenchCommandTest {
  private static final Path MODEL = Goldens.file("tinyresnet_script.pt");
  private static final Path INPUT = Goldens.file("tinyresnet.input.npy");

  private static final long SQUEEZENET_MULTIPLY_ADDS = 21_584_576;

  @TempDir Path folder;

  private static CommandLineRun bench(Object... more) {
    List<Object> arguments = new ArrayList<>(List.of("bench", "--model", MODEL, "--runs", 1));
    arguments.addAll(Arrays.asList(more));
    return CommandLineRun.of(arguments.toArray());
  }

  private JsonObject measured(Object... more) throws IOException {
    Path file = folder.resolve("bench.json");
    List<Object> arguments = new ArrayList<>(Arrays.asList(more));
    arguments.addAll(List.of("--layer", "layer3", "--tensor", INPUT, "--json", file));
    CommandLineRun run = bench(arguments.toArray()).assertDone();
    JsonObject found = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    for (String name : names(found, "times", "name")) {
      assertTrue(run.out().lines().anyMatch(line -> line.startsWith(name + "  ")), run.out());
    }
    return found;
  }

  private static List<JsonObject> objects(JsonObject report, String list) {
    return StreamSupport.stream(report.getAsJsonArray(list).spliterator(), false)
        .map(JsonElement::getAsJsonObject)
        .toList();
  }

  private static List<String> names(JsonObject report, String list, String key) {
    return objects(report, list).stream().map(entry -> entry.get(key).getAsString()).toList();
  }

  private static List<String> comparisons(JsonObject report) {
    return objects(report, "comparisons").stream()
        .map(entry -> entry.get("slower").getAsString() + "/" + entry.get("faster").getAsString())
        .toList();
  }

  @Test
  void comparesChosenChannelsWithAllOnPictures() throws IOException {
    Path picture = folder.resolve("picture.png");
    byte[] rgb = new byte[64 * 64 * 3];
    new Random(5).nextBytes(rgb);
    Picture.of(64, 64, rgb).write(picture);
    Path file = folder.resolve("pictures.json");
    CommandLineRun run =
        bench("--layer", "layer3", "--channels", "max:48", "--pictures", picture, "--json", file)
            .assertDone();
    JsonObject found = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    assertEquals(
        List.of("whole", "mirrored", "upper left", "lower right"), names(found, "views", "view"));
    for (JsonObject view : objects(found, "views")) {
      assertEquals(64, view.get("passesOfAll").getAsInt());
      assertEquals(48, view.get("passes").getAsInt());
      assertTrue(view.get("correlation").getAsDouble() <= 1.000001, view.toString());
    }
    assertEquals(0.75, found.get("shareOfPasses").getAsDouble(), 1e-9);
    assertTrue(run.out().contains("4 maps: 1/1.3 of the passes on average"), run.out());
    bench("--layer", "layer3", "--pictures", picture).assertMisused("--channels");
  }

  @Test
  void comparesWithTheNetworkAloneAndTheBaseline() throws IOException {
    JsonObject found = measured("--class", 3, "--batch", 16);
    JsonObject setting = found.getAsJsonObject("setting");
    assertEquals("layer3", setting.get("layer").getAsString());
    assertEquals("[1, 3, 64, 64]", setting.get("input").getAsString());
    assertEquals(64, setting.get("channels").getAsLong());
    assertEquals("4 chunks of 16", setting.get("chunks").getAsString());
    JsonObject plan = setting.getAsJsonObject("plan");
    assertEquals(16, plan.get("rows").getAsLong());
    assertEquals("given", plan.get("basis").getAsString());
    assertEquals("work", setting.get("stagesAre").getAsString());
    assertEquals(
        List.of("explanation", "network alone", "baseline"), names(found, "times", "name"));
    assertEquals(List.of("explanation/network alone", "baseline/explanation"), comparisons(found));
    JsonObject explanation = objects(found, "times").get(0);
    double seconds = explanation.get("seconds").getAsDouble();
    long passes = explanation.get("passes").getAsLong();
    assertEquals(setting.get("passes").getAsLong(), passes);
    assertEquals(passes / seconds, explanation.get("passesPerSecond").getAsDouble(), 1e-6);
    double sum = 0;
    for (Map.Entry<String, JsonElement> stage : explanation.getAsJsonObject("stages").entrySet()) {
      assertTrue(stage.getValue().getAsDouble() > 0, stage::toString);
      sum += stage.getValue().getAsDouble();
    }
    assertTrue(sum <= seconds && sum > seconds / 2, sum + " of " + seconds);
    JsonObject baseline = objects(found, "baselines").get(0);
    assertTrue(baseline.get("mapCorrelation").getAsDouble() > 0.9999, baseline::toString);
    assertTrue(baseline.get("largestMapDifference").getAsDouble() < 1e-4, baseline::toString);
    JsonObject memory = found.getAsJsonObject("residentBytes");
    assertTrue(memory.get("idle").getAsLong() > 1 << 20, memory::toString);
    if (Files.exists(Path.of("/proc/self/clear_refs"))) {
      assertTrue(
          memory.get("peak").getAsLong() >= memory.get("idle").getAsLong() / 2, memory::toString);
    }
  }

  @Test
  void theBaselineSeesTheActivationsThatTheNetworkChangesInPlace() throws IOException {
    Path model =
        ScriptedModels.script(
                "InPlace",
                """
                def forward(self, x: Tensor) -> Tensor:
                    return torch.mean(torch.relu_(self.maps.forward(x)), [2, 3])
                """)
            .child("maps", ScriptedModels.patches(8))
            .save(folder);
    Path file = folder.resolve("bench.json");
    CommandLineRun.of(
            "bench", "--model", model, "--layer", "maps", "--size", "32x32", "--runs", 1, "--json",
            file)
        .assertDone();
    JsonObject found = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    JsonObject baseline = objects(found, "baselines").get(0);
    assertTrue(baseline.get("largestMapDifference").getAsDouble() < 1e-5, baseline::toString);
  }

  @Test
  void variesWhatItIsToldTo() throws IOException {
    JsonObject found =
        measured(
            "--channels",
            "max:8",
            "--baseline",
            "none",
            "--chunks",
            "4,8",
            "--images",
            "3",
            "--compare-threads",
            "1,2");
    assertEquals(
        List.of(
            "explanation",
            "network alone",
            "chunks of 4",
            "chunks of 8",
            "1 thread",
            "2 threads",
            "3 one by one",
            "3 at once"),
        names(found, "times", "name"));
    assertEquals(
        List.of("explanation/network alone", "1 thread/2 threads", "3 one by one/3 at once"),
        comparisons(found));
    assertEquals("2 chunks of 4", objects(found, "times").get(2).get("chunks").getAsString());
    assertEquals("1 chunk of 8", objects(found, "times").get(3).get("chunks").getAsString());
    assertEquals(24, objects(found, "times").get(7).get("passes").getAsLong());
    assertFalse(found.has("baselines"));
    assertFalse(found.has("noBaseline"));
  }

  @Test
  void saysWhereThereIsNoBaseline() {
    CommandLineRun run =
        bench("--layer", "layer2,layer3", "--tensor", INPUT, "--channels", "max:2").assertDone();
    assertTrue(run.out().contains("no baseline: it needs a single --layer"), run.out());
    assertFalse(run.out().contains("\nbaseline "), run.out());
    bench("--layer", "layer3", "--tensor", INPUT, "--at", "0,0,0", "--baseline", "both")
        .assertMisused("--baseline needs a class");
    Path tuple =
        ScriptedModels.script(
                "Beside",
                """
                def forward(self, x: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
                    return self.maps.forward(x).mean([2, 3]), None
                """)
            .child("maps", ScriptedModels.timesPlus(1, 0))
            .save(folder);
    List<Object> bench =
        List.of("bench", "--model", tuple, "--layer", "maps", "--runs", 1, "--tensor", INPUT);
    run = CommandLineRun.of(bench.toArray()).assertDone();
    assertTrue(
        run.out().contains("no baseline: it needs a network that returns a tensor [N, classes];"),
        run.out());
    List<Object> asked = new ArrayList<>(bench);
    asked.addAll(List.of("--baseline", "plain"));
    CommandLineRun.of(asked.toArray()).assertMisused("--baseline needs a network that returns");
  }

  @Test
  void takesNoiseOfASize() {
    CommandLineRun run =
        bench("--layer", "layer3", "--size", "64x32", "--channels", "max:2", "--baseline", "none")
            .assertDone();
    assertTrue(run.out().contains("input [1, 3, 32, 64]"), run.out());
    assertTrue(
        run.out().lines().anyMatch(line -> line.matches("planned: \\d+ rows of float32 .*MiB.*")),
        run.out());
  }

  @Test
  void servesCallers() throws IOException {
    Path file = folder.resolve("serve.json");
    List<Object> serve = List.of("--layer", "layer3", "--tensor", INPUT, "--channels", "max:16");
    List<Object> arguments = new ArrayList<>(serve);
    arguments.addAll(List.of("--serve", "1,3", "--maps", 30, "--window", 20, "--json", file));
    CommandLineRun run = bench(arguments.toArray()).assertDone();
    JsonObject found = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    assertEquals(16, found.get("largestGroup").getAsInt());
    List<JsonObject> loads = objects(found, "loads");
    assertEquals(
        List.of("service", "own threads", "service", "own threads"), names(found, "loads", "by"));
    for (JsonObject load : loads) {
      assertEquals(30, load.getAsJsonArray("latencies").size());
      double median = load.get("latency50").getAsDouble();
      assertEquals(load.getAsJsonArray("latencies").get(14).getAsDouble(), median);
      assertTrue(median <= load.get("latency95").getAsDouble());
      assertEquals(
          load.getAsJsonArray("latencies").get(29).getAsDouble(),
          load.get("latency99").getAsDouble());
      String row = load.get("callers").getAsInt() == 1 ? "1 caller, " : "3 callers, ";
      assertTrue(run.out().contains(row + load.get("by").getAsString()), run.out());
    }
    assertEquals(1, loads.get(0).get("mapsPerGroup").getAsDouble());
    double together = loads.get(2).get("mapsPerGroup").getAsDouble();
    assertTrue(together > 1 && together <= 3, () -> together + " maps in a group");
    assertEquals(1, loads.get(3).get("mapsPerGroup").getAsDouble());
    arguments.addAll(List.of("--soak", 20));
    bench(arguments.toArray()).assertMisused("--serve");
    List<Object> backwards = new ArrayList<>(serve);
    backwards.addAll(List.of("--serve", 1, "--window", -1));
    bench(backwards.toArray()).assertMisused("--window");
  }

  @Test
  void watchesMemoryWhileSizesAndRecipesVary() throws IOException {
    Path file = folder.resolve("soak.json");
    CommandLineRun run =
        bench(
                "--layer",
                "layer2,layer3",
                "--size",
                "32x24",
                "--channels",
                "max:4",
                "--soak",
                25,
                "--json",
                file)
            .assertDone();
    JsonObject found = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    // Two layers, with all channels and with 4, in four recipes.
    assertEquals(16, found.get("explainers").getAsInt());
    assertEquals(
        List.of("2", "5", "7", "10", "12", "15", "17", "20", "22", "25"),
        names(found, "tenths", "explanations"));
    for (JsonObject tenth : objects(found, "tenths")) {
      long mean = tenth.get("meanResidentBytes").getAsLong();
      assertTrue(mean > 1 << 20, tenth::toString);
      assertTrue(tenth.get("highestResidentBytes").getAsLong() >= mean, tenth::toString);
    }
    assertTrue(Double.isFinite(found.get("drift").getAsDouble()), found::toString);
    assertTrue(run.out().contains("the second tenth's"), run.out());
  }

  @Test
  void badOptionsAreRefused() {
    bench("--layer", "layer3", "--tensor", INPUT, "--soak", 19).assertMisused("at least 20");
    bench("--layer", "layer3", "--tensor", INPUT, "--soak", 20, "--chunks", 4)
        .assertMisused("--soak times nothing");
    bench("--layer", "layer3").assertMisused("--tensor", "--size");
    bench("--layer", "layer3", "--tensor", INPUT, "--runs", 0).assertMisused("--runs");
    bench("--layer", "layer3", "--tensor", INPUT, "--chunks", "4,x").assertMisused("--chunks");
    bench("--layer", "layer3", "--tensor", INPUT, "--baseline", "python")
        .assertMisused("--baseline");
    bench("--tensor", INPUT).assertMisused("--layer");
    bench("--layer", "layer3,layer3", "--tensor", INPUT)
        .assertMisused("--layer names a layer twice");
    bench("--layer", "layer3", "--tensor", INPUT, "--device", "cpu,cpu")
        .assertMisused("--device takes several devices only to explain pictures");
    bench("--layer", "layer3", "--tensor", INPUT, "--weights", folder.resolve("w.npy"))
        .assertMisused("--weights needs --arch");
    bench("--layer", "layr3", "--tensor", INPUT).assertFails(ExitCode.BAD_INPUT, "layer3");
    bench("--layer", "layer3", "--tensor", folder.resolve("none.npy"))
        .assertFails(ExitCode.BAD_INPUT, "no such file or folder");
    bench("--layer", "layer3", "--tensor", INPUT, "--class", 10)
        .assertFails(ExitCode.BAD_INPUT, "class 10");
    bench("--layer", "layer3", "--tensor", INPUT, "--json", folder.resolve("none/a.json"))
        .assertFails(ExitCode.OTHER, "there is no folder");
  }

  @Test
  void theSuiteTimesNetworksOfTheZooAgainstThePlainAlgorithm() throws IOException {
    Path file = folder.resolve("suite.json");
    CommandLineRun run =
        CommandLineRun.of(
                "bench", "--suite", "squeezenet1_1", "--size", "64x64", "--runs", 1, "--json", file)
            .assertDone();
    assertTrue(run.out().lines().anyMatch(line -> line.startsWith("squeezenet1_1  ")), run.out());
    JsonObject found = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    JsonObject peaks = found.getAsJsonObject("peaks");
    for (String peak : List.of("float32", "bfloat16", "copyBytesPerSecond")) {
      assertTrue(peaks.get(peak).getAsDouble() > 1e6, peaks::toString);
    }
    assertEquals(List.of("squeezenet1_1"), names(found, "networks", "name"));
    JsonObject network = objects(found, "networks").get(0);
    // Counted by hand: 64 sides give 31, 15, 7 and 3 after the stem and each pooling.
    assertEquals(2.0 * SQUEEZENET_MULTIPLY_ADDS, network.get("operations").getAsDouble());
    double perPass = network.get("millisecondsPerPass").getAsDouble();
    assertEquals(
        network.get("operations").getAsDouble() / perPass * 1e3,
        network.get("operationsPerSecond").getAsDouble(),
        1);
    // Of other channels, or of another class, it would be a tenth and more.
    assertTrue(network.get("largestMapDifference").getAsDouble() < 1e-2, network::toString);
    assertTrue(network.get("speedup").getAsDouble() > 0, network::toString);
    assertTrue(network.get("overAlone").getAsDouble() > 0, network::toString);
    assertEquals("max:32", found.getAsJsonObject("setting").get("channels").getAsString());
  }

  @Test
  void theSuiteScoresTheChannelsThatAreChosen() throws IOException {
    JsonObject network = measuredInSuite("squeezenet1_1", "--channels", "all");
    double milliseconds = 1e3 * network.getAsJsonArray("runs").get(0).getAsDouble();
    long passes = Math.round(milliseconds / network.get("millisecondsPerPass").getAsDouble());
    // Of 512, those that are not the same everywhere.
    assertTrue(passes > 256 && passes <= 512, () -> passes + " passes");
    assertTrue(network.get("largestMapDifference").getAsDouble() < 1e-2, network::toString);
  }

  @Test
  void theSuiteAloneIsAllOfIt() {
    List<String> names =
        new CommandLine(new BenchCommand())
            .parseArgs("--suite", "--json", "suite.json")
            .matchedOptionValue("--suite", List.of());
    assertEquals(List.of(Suite.NAMES.split(",", -1)), names);
    assertTrue(names.contains("convnext_tiny"), names.toString());
  }

  private JsonObject measuredInSuite(String network, Object... more) throws IOException {
    Path file = folder.resolve("suite.json");
    List<Object> line = new ArrayList<>(List.of("bench", "--suite", network, "--size", "64x64"));
    line.addAll(List.of("--runs", 1, "--json", file));
    line.addAll(List.of(more));
    CommandLineRun.of(line.toArray()).assertDone();
    JsonObject found = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    return objects(found, "networks").get(0);
  }

  @Test
  void theSuiteKnowsTokens() throws IOException {
    JsonObject network = measuredInSuite("vit_b_32");
    // Four patches of 32×32, and with the class token five tokens, in twelve blocks of queries,
    // keys, values and output, and two layers of four times the width.
    long width = 768;
    long multiplyAdds =
        3 * 32 * 32 * width * 4 + 12 * 5 * (3 + 1 + 2 * 4) * width * width + width * 1000;
    assertEquals(2.0 * multiplyAdds, network.get("operations").getAsDouble());
    assertTrue(network.get("largestMapDifference").getAsDouble() < 1e-2, network::toString);
  }

  @Test
  void theSuiteComparesMapsOfTheActivationsThatTheNetworkChangesInPlace() throws IOException {
    JsonObject network = measuredInSuite("densenet121");
    assertTrue(network.get("largestMapDifference").getAsDouble() < 1e-2, network::toString);
  }

  @Test
  void theSuiteTakesNoNetworkOrTensor() {
    CommandLineRun.of("bench", "--suite", "--model", MODEL).assertMisused("leave out --model");
    CommandLineRun.of("bench", "--suite", "--tensor", INPUT)
        .assertMisused("--suite takes --size, not --tensor");
    CommandLineRun.of("bench", "--suite", "resnet19").assertFails(3, "resnet18");
  }
}
