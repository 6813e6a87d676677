package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.ScriptedModels;
import org.scorecam.Target;
import org.scorecam.image.Interpolation;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.Findings;
import org.scorecam.tensor.NpyFile;
import org.scorecam.tensor.Tensors;

/** The command {@code explain}: what it writes and says. */
class ExplainCommandTest {
  private static final Path MODEL = Goldens.file("tinyresnet_script.pt");
  private static final Path TENSOR = Goldens.file("tinyresnet.input.npy");
  private static final Path BATCH = Goldens.file("tinyresnet.batch.input.npy");

  @TempDir Path folder;

  private Path picture;

  @BeforeEach
  void makePicture() {
    picture = writePicture("scene.png", 1);
  }

  private Path writePicture(String name, long seed) {
    byte[] rgb = new byte[3 * 60 * 40];
    new Random(seed).nextBytes(rgb);
    Path file = folder.resolve(name);
    Picture.of(60, 40, rgb).write(file);
    return file;
  }

  private Path file(String name) {
    return folder.resolve(name);
  }

  private static float[] values(Path npy, long... shape) {
    try (Tensor tensor = NpyFile.read(npy)) {
      assertArrayEquals(shape, tensor.shape(), npy.toString());
      return Tensors.toArray(tensor);
    }
  }

  private static JsonObject result(Path json, int index) throws IOException {
    return JsonParser.parseString(Files.readString(json))
        .getAsJsonObject()
        .getAsJsonArray("results")
        .get(index)
        .getAsJsonObject();
  }

  private List<String> namesInFolder() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void whatTrialsFoundIsRememberedUnlessSaidOtherwise() throws IOException {
    Path cache = file("cache");
    String before = System.getProperty(Findings.FOLDER, "off");
    System.setProperty(Findings.FOLDER, cache.toString());
    try {
      List<Object> explain =
          List.of("explain", "--model", MODEL, "--layer", "layer3", "--image", picture, "--map");
      CommandLineRun.of(with(explain, file("tried.npy"), "--no-cache")).assertDone();
      assertTrue(Files.notExists(cache));
      CommandLineRun.of(with(explain, file("first.npy"))).assertDone();
      List<Path> remembered = list(cache);
      assertEquals(1, remembered.size());
      byte[] content = Files.readAllBytes(remembered.get(0));
      CommandLineRun.of(with(explain, file("second.npy"))).assertDone();
      assertArrayEquals(content, Files.readAllBytes(remembered.get(0)));
      assertArrayEquals(
          Files.readAllBytes(file("first.npy")), Files.readAllBytes(file("second.npy")));
    } finally {
      System.setProperty(Findings.FOLDER, before);
    }
  }

  private static Object[] with(List<Object> arguments, Object... more) {
    return Stream.concat(arguments.stream(), Stream.of(more)).toArray();
  }

  private static List<Path> list(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.toList();
    }
  }

  @Test
  void aPictureGivesEveryOutput() throws IOException {
    Path labels = Files.writeString(file("labels.txt"), "zero\none\ntwo\nthree\n");
    CommandLineRun run =
        CommandLineRun.of(
                "explain",
                "--model",
                MODEL,
                "--layer",
                "layer3",
                "--image",
                picture,
                "--class",
                3,
                "--size",
                "96x64",
                "--labels",
                labels,
                "--out",
                file("overlay.png"),
                "--heatmap",
                file("heat.png"),
                "--map",
                file("map.npy"),
                "--channel-weights",
                file("weights.npy"),
                "--json",
                file("report.json"))
            .assertDone();

    Picture overlay = Picture.read(file("overlay.png"));
    assertEquals(60, overlay.width(), "the overlay has the picture's size");
    assertEquals(40, overlay.height());
    Picture heatmap = Picture.read(file("heat.png"));
    assertEquals(96, heatmap.width(), "the heatmap has the input's size");
    assertEquals(64, heatmap.height());
    float[] map = values(file("map.npy"), 64, 96);
    double sum = 0;
    for (float weight : values(file("weights.npy"), 64)) {
      sum += weight;
    }
    assertEquals(1, sum, 1e-4);

    JsonObject result = result(file("report.json"), 0);
    assertEquals(picture.toString(), result.get("input").getAsString());
    assertEquals(3, result.get("class").getAsInt());
    assertEquals("class 3", result.get("target").getAsString());
    assertEquals("three", result.get("label").getAsString());
    assertEquals("layer3", result.get("layer").getAsString());
    assertEquals("tiskw", result.get("recipe").getAsString());
    assertEquals(64, result.get("height").getAsInt());
    assertEquals(96, result.get("width").getAsInt());
    assertEquals(64, result.get("channels").getAsInt());
    assertEquals(64, result.get("scoredChannels").getAsInt());
    assertFalse(result.get("blank").getAsBoolean());
    assertTrue(result.get("seconds").getAsDouble() > 0);
    assertEquals(4, result.getAsJsonArray("files").size());

    assertTrue(run.out().startsWith(picture + ": class 3 (three), score "), run.out());
    for (String name : List.of("overlay.png", "heat.png", "map.npy", "weights.npy")) {
      assertTrue(run.out().contains("  " + file(name)), run.out());
    }

    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").build();
        Tensor pixels =
            Preprocessing.imagenet()
                .stretch(96, 64, Interpolation.BILINEAR)
                .apply(Picture.read(picture));
        Saliency expected = cam.explain(pixels, Target.ofClass(3))) {
      assertClose(Tensors.toArray(expected.tensor()), map, 1e-5);
    }
  }

  @Test
  void withoutAnyOutputTheResultIsPrinted() throws IOException {
    CommandLineRun run =
        CommandLineRun.of(
                "explain", "--model", MODEL, "--layer", "layer3", "--image", picture, "--size",
                "64x64")
            .assertDone();
    assertTrue(run.out().contains("(the top class)"), run.out());
    assertTrue(run.out().contains("64 of 64 channels in "), run.out());
    assertEquals(1, run.out().lines().count());
    assertEquals(List.of("scene.png"), namesInFolder());
  }

  @Test
  void severalDevicesShareThePictures() throws IOException {
    List<Path> pictures = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      pictures.add(writePicture("p" + i + ".png", i));
    }
    for (String devices : List.of("cpu", "cpu,cpu")) {
      List<Object> arguments =
          new ArrayList<>(List.of("explain", "--model", MODEL, "--layer", "layer3", "--image"));
      arguments.addAll(pictures);
      Path maps = Files.createDirectory(file(devices));
      arguments.addAll(List.of("--size", "64x64", "--device", devices));
      arguments.addAll(List.of("--map", maps.resolve("map.npy")));
      CommandLineRun run = CommandLineRun.of(arguments.toArray()).assertDone();
      assertEquals(5, run.out().lines().filter(line -> line.contains(" channels in ")).count());
    }
    for (int i = 0; i < 5; i++) {
      String map = "map-p" + i + ".npy";
      try (Tensor one = NpyFile.read(file("cpu").resolve(map));
          Tensor two = NpyFile.read(file("cpu,cpu").resolve(map))) {
        // The first of each network is captured by the network as it is.
        assertClose(one, two, 5e-5);
      }
    }
    CommandLineRun.of(
            "explain",
            "--model",
            MODEL,
            "--layer",
            "layer3",
            "--tensor",
            TENSOR,
            "--device",
            "cpu,cpu")
        .assertMisused("--device takes several devices only to explain pictures");
  }

  @Test
  void severalPicturesGiveOneOutputEach() throws IOException {
    Path other = writePicture("other.png", 2);
    Path deeper = Files.createDirectory(file("deeper"));
    Path sameName = Files.copy(other, deeper.resolve("scene.png"));
    CommandLineRun.of(
            "explain",
            "--model",
            MODEL,
            "--layer",
            "layer3",
            "--image",
            picture,
            other,
            sameName,
            "--size",
            "64x64",
            "--class",
            1,
            "--out",
            file("o.png"),
            "--map",
            file("m.npy"),
            "--json",
            file("r.json"))
        .assertDone();
    assertEquals(
        List.of(
            "deeper",
            "m-deeper-scene.npy",
            "m-other.npy",
            "m-scene.npy",
            "o-deeper-scene.png",
            "o-other.png",
            "o-scene.png",
            "other.png",
            "r.json",
            "scene.png"),
        namesInFolder());
    float[] first = values(file("m-scene.npy"), 64, 64);
    float[] second = values(file("m-other.npy"), 64, 64);
    assertTrue(Goldens.relativeError(first, second) > 1e-3);
    assertArrayEquals(second, values(file("m-deeper-scene.npy"), 64, 64));
    assertEquals(other.toString(), result(file("r.json"), 1).get("input").getAsString());
    assertEquals(
        file("m-other.npy").toString(),
        result(file("r.json"), 1).getAsJsonArray("files").get(1).getAsString());
  }

  @Test
  void severalClassesOfAPictureHaveFilesAndResultsOfTheirOwn() throws IOException {
    CommandLineRun run =
        CommandLineRun.of(
                "explain",
                "--model",
                MODEL,
                "--layer",
                "layer3",
                "--image",
                picture,
                "--size",
                "64x64",
                "--class",
                "5,1",
                "--out",
                file("o.png"),
                "--map",
                file("m.npy"),
                "--channel-weights",
                file("w.npy"),
                "--json",
                file("r.json"))
            .assertDone();
    assertEquals(
        List.of("m.npy", "o-class1.png", "o-class5.png", "r.json", "scene.png", "w.npy"),
        namesInFolder());
    assertTrue(run.out().contains(" for 2 targets"), run.out());
    assertEquals(5, result(file("r.json"), 0).get("class").getAsInt());
    assertEquals(1, result(file("r.json"), 1).get("class").getAsInt());
    values(file("w.npy"), 2, 64);
    float[] both = values(file("m.npy"), 2, 64, 64);
    CommandLineRun.of(
            "explain",
            "--model",
            MODEL,
            "--layer",
            "layer3",
            "--image",
            picture,
            "--size",
            "64x64",
            "--class",
            1,
            "--map",
            file("one.npy"))
        .assertDone();
    // Another run may find another way to run the network the fastest.
    assertArrayEquals(
        values(file("one.npy"), 64, 64), Arrays.copyOfRange(both, 64 * 64, 2 * 64 * 64), 1e-5f);
  }

  @Test
  void theTopClassesOfATensorsInputsAreEachInputsOwn() throws IOException {
    Path inputs = file("x.npy");
    float[] values = new float[2 * 3 * 64 * 64];
    Random random = new Random(5);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    try (OutputStream out = Files.newOutputStream(inputs)) {
      NpyFile.write(out, values, new long[] {2, 3, 64, 64});
    }
    CommandLineRun.of(
            "explain",
            "--model",
            MODEL,
            "--layer",
            "layer3",
            "--tensor",
            inputs,
            "--top",
            3,
            "--heatmap",
            file("h.png"),
            "--map",
            file("m.npy"),
            "--json",
            file("r.json"))
        .assertDone();
    values(file("m.npy"), 2, 3, 64, 64);
    for (String name : List.of("h-0-top1.png", "h-0-top3.png", "h-1-top2.png")) {
      assertTrue(namesInFolder().contains(name), name);
    }
    for (int input = 0; input < 2; input++) {
      double first = result(file("r.json"), 3 * input).get("score").getAsDouble();
      double second = result(file("r.json"), 3 * input + 1).get("score").getAsDouble();
      double third = result(file("r.json"), 3 * input + 2).get("score").getAsDouble();
      assertTrue(first >= second && second >= third, first + " " + second + " " + third);
    }
  }

  @Test
  void channelsAreChosenByGradientOrDeviation() throws IOException {
    List<Object> start =
        List.of("explain", "--model", MODEL, "--layer", "layer3", "--tensor", TENSOR);
    for (String channels : List.of("gradient:7", "std:7", "max:7")) {
      explainMore(start, "--channels", channels, "--json", file("r.json")).assertDone();
      assertEquals(7, result(file("r.json"), 0).get("scoredChannels").getAsInt());
    }
    explainMore(start, "--channels", "gradient:0").assertMisused("gradient:K");
    explainMore(start, "--channels", "std:-1").assertMisused("std:K");
  }

  @Test
  void channelsAreChosenAsScoresComeIn() throws IOException {
    List<Object> start =
        List.of("explain", "--model", MODEL, "--layer", "layer3", "--tensor", TENSOR);
    CommandLineRun run =
        explainMore(start, "--channels", "adaptive:0.5", "--json", file("r.json")).assertDone();
    JsonObject result = result(file("r.json"), 0);
    JsonObject estimate = result.getAsJsonObject("estimate");
    assertEquals("correlation reached", estimate.get("stop").getAsString());
    assertTrue(estimate.get("correlation").getAsDouble() >= 0.5, estimate.toString());
    assertEquals(48, result.get("passes").getAsInt());
    assertTrue(run.out().contains("by estimate"), run.out());
    explainMore(start, "--channels", "adaptive:1.5")
        .assertMisused("above 0 and at most 1, not 1.5");
  }

  @Test
  void classesThatAreNamedTwiceOrTooManyAreRefused() {
    List<Object> start =
        List.of("explain", "--model", MODEL, "--layer", "layer3", "--image", picture);
    explainMore(start, "--class", "3,3").assertMisused("--class names a class twice");
    explainMore(start, "--class", 3, "--top", 2).assertMisused("--top");
    explainMore(start, "--top", 0).assertMisused("--top");
    explainMore(start, "--top", 11).assertFails(ExitCode.BAD_INPUT, "top class 11 is out of range");
    CommandLineRun.of(
            "bench", "--model", MODEL, "--layer", "layer3", "--shape", "64x64", "--class", "1,2")
        .assertMisused();
  }

  private static CommandLineRun explainMore(List<Object> start, Object... more) {
    List<Object> arguments = new ArrayList<>(start);
    arguments.addAll(Arrays.asList(more));
    return CommandLineRun.of(arguments.toArray());
  }

  /** Explains pictures of the folder; the last of them cannot be read. */
  private CommandLineRun explainFolder(Object... more) throws IOException {
    Path pictures = Files.createDirectory(file("pictures"));
    Files.copy(picture, pictures.resolve("a.png"));
    Files.copy(writePicture("b.png", 2), pictures.resolve("c.png"));
    Files.writeString(pictures.resolve("b.png"), "not a picture");
    Files.writeString(pictures.resolve("notes.txt"), "not even a picture's name");
    List<Object> arguments =
        new ArrayList<>(List.of("explain", "--model", MODEL, "--layer", "layer3", "--image"));
    arguments.addAll(List.of(pictures, "--size", "64x64", "--map", file("m.npy")));
    arguments.addAll(Arrays.asList(more));
    return CommandLineRun.of(arguments.toArray());
  }

  @Test
  void aPictureThatFailsIsReportedAndTheOthersAreDone() throws IOException {
    CommandLineRun run = explainFolder("--json", file("r.json"));
    assertEquals(ExitCode.BAD_INPUT, run.exitCode());
    Path bad = file("pictures").resolve("b.png");
    List<String> errors = run.err().lines().toList();
    assertEquals(2, errors.size(), run.err());
    assertTrue(errors.get(0).startsWith("scorecam: picture " + bad + " is "), run.err());
    assertEquals("scorecam: 1 of 3 pictures could not be explained", errors.get(1));
    assertEquals(2, run.out().lines().filter(line -> line.contains("channels in")).count());
    float[] first = values(file("m-a.npy"), 64, 64);
    float[] third = values(file("m-c.npy"), 64, 64);
    assertTrue(Goldens.relativeError(first, third) > 1e-3);
    assertFalse(namesInFolder().contains("m-b.npy"));
    assertEquals(bad.toString(), result(file("r.json"), 1).get("input").getAsString());
    assertTrue(result(file("r.json"), 1).get("error").getAsString().contains("b.png"));
    assertTrue(result(file("r.json"), 2).has("score"));
  }

  @Test
  void aRunThatFailsFastEndsWithThePictureThatFails() throws IOException {
    CommandLineRun run = explainFolder("--fail-fast");
    assertEquals(ExitCode.BAD_INPUT, run.exitCode());
    assertEquals(1, run.err().lines().count(), run.err());
    assertTrue(Files.exists(file("m-a.npy")));
    assertFalse(Files.exists(file("m-c.npy")));
  }

  @Test
  void whatNoPictureCouldAnswerEndsTheRunAtOnce() throws IOException {
    CommandLineRun run = explainFolder("--class", 10, "--verbose");
    assertEquals(ExitCode.BAD_INPUT, run.exitCode());
    assertTrue(run.err().startsWith("scorecam: class 10 is out of range"), run.err());
    assertFalse(run.err().contains("b.png"), run.err());
  }

  @Test
  void aPatternThatTheShellLeftAloneIsRead() throws IOException {
    writePicture("other.png", 2);
    CommandLineRun run =
        CommandLineRun.of(
                "explain",
                "--model",
                MODEL,
                "--layer",
                "layer3",
                "--image",
                folder + "/o*.png",
                "--size",
                "64x64",
                "--map",
                file("m.npy"))
            .assertDone();
    assertEquals(1, run.out().lines().filter(line -> line.contains("channels in")).count());
    // One today, perhaps two tomorrow: the picture's name is in the file's all the same.
    assertTrue(Files.exists(file("m-other.npy")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiskw", "pytorch-grad-cam", "torchcam", "haofanwang"})
  void aTensorGivesThePublishedMapOfEachRecipe(String recipe) {
    String suffix = recipe.equals("pytorch-grad-cam") ? "pgc" : recipe;
    CommandLineRun.of(
            "explain",
            "--model",
            MODEL,
            "--layer",
            "layer3",
            "--tensor",
            TENSOR,
            "--class",
            3,
            "--recipe",
            recipe,
            "--map",
            file("map.npy"))
        .assertDone();
    try (Tensor expected = Goldens.tensor("tinyresnet-layer3-c3-" + suffix + ".map.npy");
        Tensor actual = NpyFile.read(file("map.npy"))) {
      assertEquals(2, actual.dim());
      assertClose(expected, actual, 1e-4);
    }
  }

  @Test
  void oneInputMayLackTheDimensionOfSeveral() throws IOException {
    // Of other numbers in another order, too.
    float[] values;
    try (Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      values = Tensors.toArray(input);
    }
    String header = "{'descr': '>f8', 'fortran_order': True, 'shape': (3, 64, 64), }\n";
    ByteBuffer npy = ByteBuffer.allocate(10 + header.length() + 8 * values.length);
    npy.put((byte) 0x93).put("NUMPY\1\0".getBytes(StandardCharsets.US_ASCII));
    npy.putShort(Short.reverseBytes((short) header.length()));
    npy.put(header.getBytes(StandardCharsets.US_ASCII));
    for (int x = 0; x < 64; x++) {
      for (int y = 0; y < 64; y++) {
        for (int c = 0; c < 3; c++) {
          npy.putDouble(values[(c * 64 + y) * 64 + x]);
        }
      }
    }
    Path one = Files.write(file("one.npy"), npy.array());
    CommandLineRun.of(
            "explain",
            "--model",
            MODEL,
            "--layer",
            "layer3",
            "--tensor",
            one,
            "--class",
            3,
            "--map",
            file("map.npy"))
        .assertDone();
    try (Tensor expected = Goldens.tensor("tinyresnet-layer3-c3-tiskw.map.npy");
        Tensor actual = NpyFile.read(file("map.npy"))) {
      assertClose(expected, actual, 1e-4);
    }
  }

  @Test
  void aTensorOfSeveralInputsGivesAMapOfThree() throws IOException {
    CommandLineRun run =
        CommandLineRun.of(
                "explain",
                "--model",
                MODEL,
                "--layer",
                "layer3",
                "--tensor",
                BATCH,
                "--batch",
                7,
                "--map",
                file("maps.npy"),
                "--channel-weights",
                file("weights.npy"),
                "--heatmap",
                file("heat.png"),
                "--json",
                file("r.json"))
            .assertDone();
    float[] maps = values(file("maps.npy"), 3, 64, 64);
    values(file("weights.npy"), 3, 64);
    assertEquals(64, Picture.read(file("heat-2.png")).width());
    assertTrue(run.out().contains(BATCH + "[2]: class "), run.out());
    assertEquals(BATCH + "[1]", result(file("r.json"), 1).get("input").getAsString());
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").build();
        Tensor inputs = NpyFile.read(BATCH)) {
      for (int i = 0; i < 3; i++) {
        try (Tensor one = inputs.narrow(0, i, 1);
            Saliency expected = cam.explain(one, Target.top1())) {
          float[] map = Arrays.copyOfRange(maps, i * 4096, (i + 1) * 4096);
          assertClose(Tensors.toArray(expected.tensor()), map, 1e-5);
        }
      }
    }
  }

  @Test
  void theStrongestChannelsAloneCanBeScored() throws IOException {
    CommandLineRun.of(
            "explain",
            "--model",
            MODEL,
            "--layer",
            "layer3",
            "--tensor",
            TENSOR,
            "--class",
            3,
            "--channels",
            "max:8",
            "--map",
            file("map.npy"),
            "--json",
            file("r.json"))
        .assertDone();
    try (Tensor expected = Goldens.tensor("tinyresnet-layer3-c3-tiskw-cskip8.map.npy");
        Tensor actual = NpyFile.read(file("map.npy"))) {
      assertClose(expected, actual, 1e-4);
    }
    assertEquals(8, result(file("r.json"), 0).get("passes").getAsInt());
    assertEquals(0, result(file("r.json"), 0).get("savedPasses").getAsInt());
  }

  @Test
  void passesThatWereSavedAreSaid() throws IOException {
    CommandLineRun run =
        CommandLineRun.of(
                "explain",
                "--model",
                Goldens.file("tinydead_script.pt"),
                "--layer",
                "relu",
                "--tensor",
                Goldens.file("tinydead.input.npy"),
                "--json",
                file("r.json"))
            .assertDone();
    JsonObject result = result(file("r.json"), 0);
    int saved = result.get("savedPasses").getAsInt();
    assertTrue(saved > 0);
    assertEquals(result.get("scoredChannels").getAsInt() - result.get("passes").getAsInt(), saved);
    assertTrue(run.out().contains(" passes (" + saved + " saved) of float32, "), run.out());
  }

  @Test
  void theReportSaysInWhatChunksItWasDone() throws IOException {
    List<Object> arguments =
        List.of("explain", "--model", MODEL, "--layer", "layer3", "--tensor", TENSOR);
    List<Object> given = new ArrayList<>(arguments);
    given.addAll(List.of("--batch", 20, "--json", file("given.json")));
    CommandLineRun.of(given.toArray()).assertDone();
    JsonObject chunk = result(file("given.json"), 0).getAsJsonObject("chunk");
    assertEquals(20, chunk.get("rows").getAsInt());
    assertEquals("given", chunk.get("basis").getAsString());

    // What one row takes is more, and one row there is always.
    List<Object> tight = new ArrayList<>(arguments);
    tight.addAll(List.of("--memory", "10K", "--json", file("tight.json")));
    CommandLineRun.of(tight.toArray()).assertDone();
    chunk = result(file("tight.json"), 0).getAsJsonObject("chunk");
    assertEquals(1, chunk.get("rows").getAsInt());
    assertEquals("reduced", chunk.get("basis").getAsString());
    assertTrue(chunk.get("bytes").getAsLong() > 10 * 1024);
  }

  @Test
  void severalLayersAreFused() {
    CommandLineRun run =
        CommandLineRun.of(
                "explain",
                "--model",
                MODEL,
                "--layer",
                "layer2,layer3",
                "--tensor",
                TENSOR,
                "--class",
                3,
                "--recipe",
                "pytorch-grad-cam",
                "--map",
                file("map.npy"))
            .assertDone();
    try (Tensor expected = Goldens.tensor("tinyresnet-layers-pgc.map.npy");
        Tensor actual = NpyFile.read(file("map.npy"))) {
      assertClose(expected, actual, 1e-4);
    }
    assertTrue(run.out().contains("layer2+layer3"), run.out());
  }

  @Test
  void aCellOfADenseOutputIsExplained() {
    CommandLineRun.of(
            "explain",
            "--model",
            Goldens.file("tinyyolo_script.pt"),
            "--layer",
            "backbone",
            "--tensor",
            Goldens.file("tinyyolo.input.npy"),
            "--at",
            "6,3,4",
            "--map",
            file("map.npy"))
        .assertDone();
    try (Tensor expected = Goldens.tensor("tinyyolo-cell.map.npy");
        Tensor actual = NpyFile.read(file("map.npy"))) {
      assertClose(expected, actual, 1e-4);
    }
  }

  @Test
  void theMeanOfAChannelOfADictEntryIsExplained() {
    CommandLineRun.of(
            "explain",
            "--model",
            Goldens.file("tinyseg_script.pt"),
            "--layer",
            "backbone",
            "--tensor",
            Goldens.file("tinyseg.input.npy"),
            "--mean-of",
            2,
            "--from",
            "out",
            "--map",
            file("map.npy"))
        .assertDone();
    try (Tensor expected = Goldens.tensor("tinyseg-mean.map.npy");
        Tensor actual = NpyFile.read(file("map.npy"))) {
      assertClose(expected, actual, 1e-4);
    }
  }

  @Test
  void aPositionOfATupleIsExplained() {
    CommandLineRun.of(
            "explain",
            "--model",
            Goldens.file("tinytwohead_script.pt"),
            "--layer",
            "body.layer3",
            "--tensor",
            Goldens.file("tinytwohead.input.npy"),
            "--class",
            4,
            "--from",
            0,
            "--map",
            file("map.npy"))
        .assertDone();
    try (Tensor expected = Goldens.tensor("tinytwohead-0.map.npy");
        Tensor actual = NpyFile.read(file("map.npy"))) {
      assertClose(expected, actual, 1e-4);
    }
  }

  /** A network that returns {@code code} of y [N, 3] and of its maps [N, 3, H, W]. */
  private Path network(String type, String code) {
    return ScriptedModels.script(
            "Net",
            """
            def forward(self, x: Tensor) -> %s:
                maps = self.maps.forward(x)
                y = maps.mean([2, 3])
                return %s
            """
                .formatted(type, code))
        .child("maps", ScriptedModels.timesPlus(1, 0))
        .save(folder);
  }

  private CommandLineRun explainNetwork(Path model, Object... more) {
    List<Object> arguments =
        new ArrayList<>(List.of("explain", "--model", model, "--layer", "maps"));
    arguments.addAll(List.of("--tensor", TENSOR, "--map", file("map.npy")));
    arguments.addAll(Arrays.asList(more));
    return CommandLineRun.of(arguments.toArray());
  }

  private float[] mapOf(Path model, Object... more) {
    explainNetwork(model, more).assertDone();
    return values(file("map.npy"), 64, 64);
  }

  @Test
  void partsOfAnyOutputAreExplained() {
    float[] low = mapOf(network("Tensor", "-y"), "--class", 1);
    Path nested = network("Dict[str, List[Tensor]]", "{'heads': [y, -y], 'aux': [y]}");
    assertArrayEquals(low, mapOf(nested, "--class", 1, "--from", "heads.1"));
    explainNetwork(nested, "--class", 1)
        .assertFails(ExitCode.BAD_INPUT, "choose one of its tensors", "--from");
    explainNetwork(nested, "--class", 1, "--from", "head.1")
        .assertFails(ExitCode.BAD_INPUT, "no part 'head.1'; its tensors are heads.1 [1, 3], ");
    Path numbered = network("Dict[str, Tensor]", "{'low': y, '0': y, '1': -y}");
    assertArrayEquals(low, mapOf(numbered, "--class", 1, "--from", 1), "the key, not the position");
    Path none = network("Tuple[Tensor, Optional[Tensor]]", "(-y, None)");
    assertArrayEquals(low, mapOf(none, "--class", 1));
    assertArrayEquals(low, mapOf(none, "--class", 1, "--from", 0));
    explainNetwork(none, "--from", 1).assertFails(ExitCode.BAD_INPUT, "returned is None");
  }

  @Test
  void cellsAndRangesOfAnyRankAreExplained() {
    Path flat = network("Tensor", "maps.flatten(2)");
    float[] flatCell = mapOf(flat, "--at", "2,71");
    float[] flatRows = mapOf(flat, "--at", "2,64:192");
    Path dense = network("Tensor", "maps");
    assertArrayEquals(flatCell, mapOf(dense, "--at", "2,1,7"));
    assertClose(flatRows, mapOf(dense, "--at", "2,1:3,:"), 1e-6);
    assertClose(mapOf(dense, "--mean-of", 2), mapOf(dense, "--at", "2,:,0:64"), 1e-6);
    explainNetwork(dense, "--at", "2,1:65,0")
        .assertFails(ExitCode.BAD_INPUT, "mean of (2, 1:65, 0) is out of range", "[1, 3, 64, 64]");
  }

  @Test
  void aSoftmaxOfOneValueIsWarnedOf() throws IOException {
    Path model = network("Tensor", "y[:, 0]");
    Path json = file("r.json");
    CommandLineRun run =
        explainNetwork(model, "--recipe", "haofanwang", "--json", json).assertDone();
    assertTrue(run.out().contains("class 0 (the top class), score 1.0000"), run.out());
    assertTrue(run.out().contains("warning: recipe haofanwang scores a softmax"), run.out());
    assertTrue(result(json, 0).get("softmaxOfOneValue").getAsBoolean());
    run = explainNetwork(model, "--json", json).assertDone();
    assertFalse(run.out().contains("warning"), run.out());
    assertFalse(result(json, 0).get("softmaxOfOneValue").getAsBoolean());
  }

  @Test
  void aGreyNetworkTakesAColourPicture() {
    CommandLineRun.of(
            "explain",
            "--model",
            Goldens.file("tinygray_script.pt"),
            "--layer",
            "layer3",
            "--image",
            picture,
            "--grey",
            "--preprocess",
            "none",
            "--size",
            "80x48",
            "--out",
            file("o.png"),
            "--map",
            file("map.npy"),
            "--colormap",
            "viridis",
            "--opacity",
            "0.3")
        .assertDone();
    values(file("map.npy"), 48, 80);
    assertEquals(60, Picture.read(file("o.png")).width());
  }

  @Test
  void anOutputThatIsThereIsReplaced() throws IOException {
    Files.writeString(file("map.npy"), "old");
    CommandLineRun.of(
            "explain",
            "--model",
            MODEL,
            "--layer",
            "layer3",
            "--tensor",
            TENSOR,
            "--map",
            file("map.npy"))
        .assertDone();
    values(file("map.npy"), 64, 64);
    assertEquals(List.of("map.npy", "scene.png"), namesInFolder());
  }

  @Test
  void aScoreThatIsNoNumberIsNullInTheReport() throws IOException {
    Path model =
        ScriptedModels.script(
                "AnswersNan",
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.maps.forward(x).mean([2, 3]) * float("nan")
                """)
            .child("maps", ScriptedModels.timesPlus(1, 0))
            .save(folder);
    CommandLineRun run =
        CommandLineRun.of(
                "explain",
                "--model",
                model,
                "--layer",
                "maps",
                "--tensor",
                TENSOR,
                "--class",
                0,
                "--json",
                file("r.json"))
            .assertDone();
    assertFalse(Files.readString(file("r.json")).contains("NaN"), "JSON has no NaN");
    assertTrue(result(file("r.json"), 0).get("score").isJsonNull());
    assertTrue(run.out().contains("the map is blank"), run.out());
    assertTrue(run.out().contains("NaN or infinite values were left out"), run.out());
  }
}
