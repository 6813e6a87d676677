package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.scorecam.Goldens;
import org.scorecam.tensor.NpyFile;

/** {@code --method} and what goes with it. */
class MethodOptionTest {
  private static final double TOLERANCE = 1e-4;

  @TempDir Path folder;

  private CommandLineRun explain(String options) {
    List<Object> words =
        new ArrayList<>(List.of("explain", "--layer", "layer3", "--class", 3, "--map", map()));
    words.addAll(List.of("--model", Goldens.file("tinyresnet_script.pt")));
    words.addAll(List.of("--tensor", Goldens.file("tinyresnet.input.npy")));
    words.addAll(List.of(options.split(" ")));
    return CommandLineRun.of(words.toArray());
  }

  private Path map() {
    return folder.resolve("map.npy");
  }

  @ParameterizedTest
  @CsvSource({
    "--method score-cam --recipe torchcam, torchcam",
    "--method is-cam --recipe torchcam, iscam",
    "--method ss-cam --recipe torchcam --samples 5 --seed 7, sscam",
    "--method ablation-cam, ablation",
  })
  void mapIsTheMethods(String options, String golden) {
    explain(options).assertDone();
    try (Tensor expected = Goldens.tensor("tinyresnet-layer3-c3-" + golden + ".map.npy");
        Tensor actual = NpyFile.read(map())) {
      assertClose(expected, actual, TOLERANCE);
    }
  }

  @Test
  void reportNamesTheMethod() throws Exception {
    Path json = folder.resolve("report.json");
    explain("--method is-cam --samples 2 --json " + json).assertDone();
    String report = Files.readString(json);
    assertTrue(report.contains("\"method\": \"is-cam\""), report);
    assertTrue(report.contains("\"passes\": 128"), report);
  }

  @Test
  void cudaGraphsAreForCuda() {
    explain("--cuda-graphs")
        .assertFails(ExitCode.BAD_INPUT, "CUDA graphs need a CUDA device; the network is on cpu");
  }

  @Test
  void reciproScoresPlaces() {
    CommandLineRun run = explain("--method recipro-cam").assertDone();
    assertTrue(run.out().contains("0 of 64 channels in 64 passes of float32"), run.out());
  }

  @Test
  void tokensOfATransformerAreMasked() {
    Path input = Path.of("src/test/resources/layouts/tinyvit.input.npy");
    for (String options : List.of("", "--place-mask single")) {
      String words =
          "explain --method vit-recipro-cam --class 1 --recipe torchcam --map %s --tensor %s --model %s %s"
              .formatted(map(), input, "src/test/resources/layouts/tinyvit_script.pt", options);
      CommandLineRun.of((Object[]) words.strip().split(" ")).assertDone();
      // At the layer's size, as the recipe leaves it.
      try (Tensor actual = NpyFile.read(map())) {
        assertArrayEquals(new long[] {4, 4}, actual.shape());
      }
    }
    explain("--method recipro-cam --place-mask gaussian").assertDone();
  }

  @Test
  void tokensAreLeftOut() {
    String words =
        "explain --method tis --masks 12 --seed 5 --class 4 --map %s --tensor %s --model %s"
            .formatted(
                map(),
                "src/test/resources/layouts/tinyvit.input.npy",
                "src/test/resources/layouts/tinyvit_script.pt");
    CommandLineRun run = CommandLineRun.of((Object[]) words.split(" ")).assertDone();
    assertTrue(run.out().contains("in 12 passes of float32"), run.out());
    try (Tensor actual = NpyFile.read(map())) {
      assertArrayEquals(new long[] {32, 32}, actual.shape());
    }
    explain("--method tis --layer layer2").assertMisused("--embedding");
  }

  @ParameterizedTest
  @CsvSource({"grad-cam, grad", "grad-cam++, grad_plus_plus", "layer-cam, layer"})
  void gradientsNeedNoMaskedInputs(String method, String golden) {
    CommandLineRun run = explain("--method " + method).assertDone();
    assertTrue(run.out().contains("; layer3, 64 channels, "), run.out());
    Path file = Path.of("src/test/resources/gradcam/tinyresnet-layer3-c3-" + golden + ".map.npy");
    try (Tensor expected = NpyFile.read(file);
        Tensor actual = NpyFile.read(map())) {
      assertClose(expected, actual, TOLERANCE);
    }
  }

  @Test
  void mapsAreSmoothed() throws Exception {
    Path json = folder.resolve("report.json");
    explain("--method layer-cam --smooth --json " + json).assertDone();
    Path file = Path.of("src/test/resources/gradcam/tinyresnet-layer3-c3-layer-smooth.map.npy");
    try (Tensor expected = NpyFile.read(file);
        Tensor actual = NpyFile.read(map())) {
      assertClose(expected, actual, TOLERANCE);
    }
    String report = Files.readString(json);
    assertTrue(report.contains("\"method\": \"smoothed layer-cam\""), report);
    explain("--smooth --channel-weights " + map())
        .assertMisused("--channel-weights does not go with --smooth");
  }

  @Test
  void helpListsTheMethods() {
    String help = CommandLineRun.of("explain", "--help").assertDone().out();
    assertTrue(
        help.replaceAll("\\s+", " ")
            .contains(
                "score-cam, ss-cam, is-cam, ablation-cam, recipro-cam, vit-recipro-cam, tis, grad-cam, grad-cam++, layer-cam"),
        help);
  }

  @Test
  void whatIsWrongIsSaid() {
    explain("--method sscam")
        .assertMisused("'sscam' is not a method; the nearest are ss-cam, is-cam");
    explain("--samples 3").assertMisused("--samples is for --method ss-cam and is-cam, not for");
    explain("--method is-cam --std 1")
        .assertMisused("--std is for --method ss-cam, not for is-cam");
    explain("--method is-cam --seed 1").assertMisused("--seed is for --method ss-cam and tis");
    explain("--method ss-cam --std 0").assertMisused("--std", "'0' is not a number above 0");
    explain("--method ss-cam --std NaN").assertMisused("'NaN' is not a number above 0");
    explain("--method ablation-cam --channels max:3")
        .assertMisused("--method ablation-cam takes a single --layer, and no --channels");
    explain("--method recipro-cam --channel-weights " + map())
        .assertMisused("channels have no weights with --method recipro-cam");
    explain("--method recipro-cam --samples 2").assertMisused("--samples is for --method ss-cam");
    explain("--method layer-cam --channel-weights " + map())
        .assertMisused("channels have no weights with --method layer-cam");
    for (String option : List.of("--batch 2", "--precision auto", "--channels max:2")) {
      explain("--method grad-cam " + option)
          .assertMisused("--method grad-cam scores no masked inputs");
    }
    explain("--method ablation-cam --place-mask single")
        .assertMisused("--place-mask is for --method recipro-cam and vit-recipro-cam");
    explain("--method vit-recipro-cam --channel-weights " + map())
        .assertMisused("channels have no weights with --method vit-recipro-cam");
    explain("--method tis --kept 1").assertMisused("'1' is not a number above 0 and below 1");
    explain("--method tis --masks 0").assertMisused("--masks");
    explain("--method tis --channels max:3").assertMisused("--method tis takes no --channels");
    explain("--kept 0.4").assertMisused("--kept is for --method tis, not for score-cam");
    explain("--method ss-cam --samples 0").assertMisused("--samples");
  }
}
