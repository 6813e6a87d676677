package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.ScriptedModels;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.image.Picture;
import org.scorecam.tensor.NpyFile;

/** What the program says and answers where it cannot do what it is asked for. */
class BadInputTest {
  private static final Path MODEL = Goldens.file("tinyresnet_script.pt");
  private static final Path TENSOR = Goldens.file("tinyresnet.input.npy");

  @TempDir Path folder;

  private Path map;
  private List<Path> before;

  @BeforeEach
  void nameOutput() {
    map = folder.resolve("map.npy");
  }

  /** Explains the golden input unless the arguments say otherwise. */
  private CommandLineRun explain(Path model, String layer, String input, Path file, Object... more)
      throws IOException {
    List<Object> arguments =
        new ArrayList<>(
            List.of("explain", "--model", model, "--layer", layer, input, file, "--map", map));
    arguments.addAll(Arrays.asList(more));
    before = filesInFolder();
    return CommandLineRun.of(arguments.toArray());
  }

  private CommandLineRun explain(Object... more) throws IOException {
    return explain(MODEL, "layer3", "--tensor", TENSOR, more);
  }

  private List<Path> filesInFolder() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  private void assertBadInput(CommandLineRun run, String... reasons) throws IOException {
    run.assertFails(ExitCode.BAD_INPUT, reasons);
    assertEquals(before, filesInFolder(), "something was written");
  }

  private Path tensorFile(float[] values, long... shape) throws IOException {
    Path file = folder.resolve("tensor.npy");
    try (var out = Files.newOutputStream(file)) {
      NpyFile.write(out, values, shape);
    }
    return file;
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = BadInputTest.class.getResourceAsStream(name)) {
      return in.readAllBytes();
    }
  }

  @Test
  void missingFilesAreNamed() throws IOException {
    Path none = folder.resolve("none");
    assertBadInput(explain(none, "layer3", "--tensor", TENSOR), none + " does not exist");
    assertBadInput(
        explain(MODEL, "layer3", "--tensor", none),
        "cannot read " + none + ": no such file or folder");
    assertBadInput(explain(MODEL, "layer3", "--image", none), none.toString(), "no such file");
    assertBadInput(explain("--labels", none), none.toString(), "no such file");
  }

  @Test
  void aFileThatIsNoTorchScriptIsRefused() throws IOException {
    Path text = Files.writeString(folder.resolve("model.pt"), "no network");
    assertBadInput(
        explain(text, "layer3", "--tensor", TENSOR), text + " is not a TorchScript file");
  }

  @Test
  void aTruncatedFileIsRefused() throws IOException {
    byte[] whole = Files.readAllBytes(MODEL);
    Path cut = Files.write(folder.resolve("cut.pt"), Arrays.copyOf(whole, whole.length / 2));
    assertBadInput(explain(cut, "layer3", "--tensor", TENSOR), cut.toString(), "truncated");
  }

  @Test
  void aStateDictIsRefusedWithWhatToDo() throws IOException {
    Path weights = folder.resolve("weights.pth");
    Files.write(weights, resource("/models/tinydead-state-dict.pth"));
    assertBadInput(
        explain(weights, "layer3", "--tensor", TENSOR),
        weights + " holds weights",
        "torch.jit.script");
  }

  @Test
  void anUnknownLayerOffersTheNearestNames() throws IOException {
    assertBadInput(
        explain(MODEL, "layr3", "--tensor", TENSOR), "has no layer 'layr3'", "layer3", "layer2");
    assertBadInput(explain(MODEL, "layer3,layer9", "--tensor", TENSOR), "has no layer 'layer9'");
  }

  @Test
  void aLayerWithoutMapsIsRefused() throws IOException {
    assertBadInput(
        explain(MODEL, "fc", "--tensor", TENSOR),
        "layer 'fc' puts out a tensor of shape [1, 10]; activation maps must have the shape");
    assertBadInput(
        explain(
            Goldens.file("tinybranch_script.pt"),
            "stages",
            "--tensor",
            Goldens.file("tinybranch.input.npy")),
        "layer 'stages' is not called as a module");
  }

  @Test
  void targetsThatDoNotFitTheOutputAreRefused() throws IOException {
    assertBadInput(explain("--class", 10), "class 10 is out of range", "[1, 10]");
    assertBadInput(explain("--class", -1), "there is no class -1");
    assertBadInput(explain("--at", "1,2,3"), "needs an output of shape [N, C, H, W]");
    assertBadInput(explain("--mean-of", 1), "needs an output of shape [N, C, H, W]");
    assertBadInput(explain("--at", "1,2"), "needs an output of shape [N, C, L]");
    assertBadInput(explain("--at", "10"), "cell (10) is out of range");
    assertBadInput(explain("--at", "4:11"), "mean of (4:11) is out of range");
    assertBadInput(explain("--from", "out"), "has no part 'out': it is a tensor [1, 10]");
    assertBadInput(explain("--from", 1), "has no part '1'");
  }

  @Test
  void aWrongNumberOfChannelsIsNamedByTheShapes() throws IOException {
    Path grey = Goldens.file("tinygray.input.npy");
    assertBadInput(
        explain(MODEL, "layer3", "--tensor", grey),
        "the network cannot run an input of shape [1, 1, 48, 80]",
        "3 channels");
  }

  @Test
  void emptyInputsAreRefused() throws IOException {
    Path nothing = Files.createFile(folder.resolve("nothing.png"));
    assertBadInput(explain(MODEL, "layer3", "--image", nothing), nothing + " is empty");
    assertBadInput(
        explain(MODEL, "layer3", "--tensor", Files.createFile(folder.resolve("nothing.npy"))),
        "nothing.npy is empty");
    Path none = tensorFile(new float[0], 0, 3, 64, 64);
    assertBadInput(explain(MODEL, "layer3", "--tensor", none), "[0, 3, 64, 64] is empty");
    Path flat = tensorFile(new float[0], 1, 3, 0, 64);
    assertBadInput(explain(MODEL, "layer3", "--tensor", flat), "[1, 3, 0, 64] is empty");
  }

  @Test
  void tensorsOfOtherDimensionsAreRefused() throws IOException {
    Path two = tensorFile(new float[12], 6, 2);
    assertBadInput(
        explain(MODEL, "layer3", "--tensor", two),
        "has the shape [6, 2], but inputs have the shape [N, C, H, W], or [C, H, W] for one");
    Path number = tensorFile(new float[1]);
    assertBadInput(explain(MODEL, "layer3", "--tensor", number), "has the shape []");
  }

  @Test
  void damagedTensorsAreRefused() throws IOException {
    byte[] whole = Files.readAllBytes(TENSOR);
    Path cut = Files.write(folder.resolve("cut.npy"), Arrays.copyOf(whole, whole.length - 5));
    assertBadInput(explain(MODEL, "layer3", "--tensor", cut), cut + " is truncated");
    Path text = Files.writeString(folder.resolve("text.npy"), "no tensor");
    assertBadInput(explain(MODEL, "layer3", "--tensor", text), text + " is not a .npy file");
  }

  @Test
  void damagedPicturesAreRefused() throws IOException {
    byte[] whole = resource("/image/baseline.jpg");
    Path cut = Files.write(folder.resolve("cut.jpg"), Arrays.copyOf(whole, whole.length / 2));
    assertBadInput(explain(MODEL, "layer3", "--image", cut), "picture " + cut, "JPEG");
    byte[] torn = whole.clone();
    Arrays.fill(torn, 100, 400, (byte) 0xff);
    Path damaged = Files.write(folder.resolve("damaged.jpg"), torn);
    assertBadInput(explain(MODEL, "layer3", "--image", damaged), "picture " + damaged, "JPEG");
    Path text = Files.writeString(folder.resolve("text.png"), "no picture");
    assertBadInput(
        explain(MODEL, "layer3", "--image", text),
        "is a text file, and only PNG, JPEG, GIF, BMP, TIFF and WebP are read");
  }

  @Test
  void foldersAndPatternsWithoutPicturesAreRefused() throws IOException {
    Files.writeString(folder.resolve("text.txt"), "no picture");
    assertBadInput(
        explain(MODEL, "layer3", "--image", folder), "there are no pictures in the folder ");
    Path pattern = folder.resolve("*.txt");
    assertBadInput(
        explain(MODEL, "layer3", "--image", pattern), "no picture matches '" + pattern + "'");
  }

  @Test
  void whatWouldOverwriteAnInputOrAnotherResultIsUsage() throws IOException {
    Path picture = folder.resolve("m-a.png");
    Path second = folder.resolve("a.png");
    Picture.of(8, 8, new byte[3 * 64]).write(picture);
    Picture.of(8, 8, new byte[3 * 64]).write(second);
    byte[] before = Files.readAllBytes(picture);
    Path out = folder.resolve("m.png");
    explain(MODEL, "layer3", "--image", picture, "--image", second, "--heatmap", out)
        .assertMisused("--heatmap would overwrite " + picture + ", which is an input");
    explain(MODEL, "layer3", "--image", picture, "--out", out, "--heatmap", out)
        .assertMisused("--heatmap would overwrite " + out + ", which --out writes as well");
    explain("--channel-weights", map)
        .assertMisused("--channel-weights would overwrite " + map + ", which --map writes as well");
    Path copy = Files.copy(MODEL, folder.resolve("model.pt"));
    explain(copy, "layer3", "--tensor", TENSOR, "--json", copy)
        .assertMisused("--json would overwrite " + copy + ", which is an input");
    assertArrayEquals(before, Files.readAllBytes(picture));
    assertArrayEquals(Files.readAllBytes(MODEL), Files.readAllBytes(copy));
  }

  @Test
  void nanInTheInputIsRefused() throws IOException {
    float[] values = new float[3 * 64 * 64];
    values[1234] = Float.NaN;
    assertBadInput(
        explain(MODEL, "layer3", "--tensor", tensorFile(values, 1, 3, 64, 64)),
        "the input of shape [1, 3, 64, 64] contains NaN");
  }

  @Test
  void aDeviceThatDoesNotExistIsRefused() throws IOException {
    assertBadInput(explain("--device", "cuda:99"), "there is no device cuda:99");
  }

  @Test
  void anOutputThatCannotBeWrittenIsSaidBeforeAnythingIsRun() throws IOException {
    Path homeless = folder.resolve("missing").resolve("map.npy");
    for (String option : List.of("--map", "--channel-weights", "--heatmap", "--json")) {
      CommandLineRun.of(
              "explain",
              "--model",
              folder.resolve("none.pt"),
              "--layer",
              "layer3",
              "--tensor",
              TENSOR,
              option,
              homeless)
          .assertFails(ExitCode.OTHER, "cannot write " + homeless, "there is no folder");
      CommandLineRun.of(
              "explain",
              "--model",
              folder.resolve("none.pt"),
              "--layer",
              "layer3",
              "--tensor",
              TENSOR,
              option,
              folder)
          .assertFails(ExitCode.OTHER, "cannot write " + folder, "it is a folder");
    }
    assertEquals(List.of(), filesInFolder());
  }

  @Test
  void aPictureOfAnUnknownFormatIsSaidBeforeAnythingIsRun() throws IOException {
    Path gif = folder.resolve("picture.gif");
    for (String option : List.of("--out", "--heatmap")) {
      explain(
              folder.resolve("none.pt"),
              "layer3",
              "--image",
              folder.resolve("none.png"),
              option,
              gif)
          .assertFails(ExitCode.OTHER, "cannot write " + gif, "must end in .png, .jpg or .jpeg");
    }
    assertEquals(List.of(), filesInFolder());
  }

  @Test
  void anOutputThatFailsLaterLeavesNothingHalfWritten() throws IOException {
    // Two pictures: the folder in the way of the second one's map is found when it is written.
    Path first = folder.resolve("a.png");
    Path second = folder.resolve("b.png");
    Picture.of(8, 8, new byte[3 * 64]).write(first);
    Picture.of(8, 8, new byte[3 * 64]).write(second);
    Path inTheWay = Files.createDirectory(folder.resolve("map-b.npy"));
    CommandLineRun run =
        CommandLineRun.of(
            "explain",
            "--model",
            MODEL,
            "--layer",
            "layer3",
            "--size",
            "64x64",
            "--image",
            first,
            second,
            "--map",
            map,
            "--json",
            folder.resolve("r.json"));
    assertEquals(ExitCode.OTHER, run.exitCode());
    assertTrue(run.err().contains("cannot write " + inTheWay + ": it is a folder"), run.err());
    assertEquals(
        List.of(first, second, inTheWay, folder.resolve("map-a.npy")).stream().sorted().toList(),
        filesInFolder());
  }

  @Test
  void aNetworkWithoutForwardIsRefused() throws IOException {
    Path model =
        ScriptedModels.script(
                "NoForward",
                """
                def other(self, x: Tensor) -> Tensor:
                    return x
                """)
            .save(folder);
    assertBadInput(explain(model, "layer3", "--tensor", TENSOR), "has no method forward");
  }

  @Test
  void verbosePrintsTheCause() throws IOException {
    CommandLineRun run = explain("--class", 10, "--verbose");
    assertEquals(ExitCode.BAD_INPUT, run.exitCode());
    assertTrue(run.err().startsWith("scorecam: class 10 is out of range"), run.err());
    assertTrue(run.err().contains("\tat org.scorecam."), run.err());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--batch 0",
        "--batch -3",
        "--batch many",
        "--memory 0",
        "--memory -1",
        "--memory lots",
        "--memory 2gb",
        "--memory 99999999999t",
        "--memory 1g --batch 8",
        "--threads 0",
        "--class three",
        "--at 1,2,-3",
        "--at 1,,3",
        "--at 1,5:2,3",
        "--at 1,4:4,3",
        "--at 1,1:2:3,3",
        "--channels some",
        "--channels max:0",
        "--channels max:-1",
        "--channels adaptive:0",
        "--channels adaptive:1.5",
        "--channels adaptive:high",
        "--recipe grad-cam",
        "--device gpu",
        "--device cuda:-1",
        "--device cuda:1:2",
        "--size 224",
        "--size 0x5",
        "--preprocess coco",
        "--colormap rainbow",
        "--opacity 2",
        "--opacity -0.1",
        "--opacity NaN",
        "--no-such-option",
        "--class 3 --at 1,2,3",
        "--class 3 --mean-of 1",
        "--image other.png",
        "--layer layer3,layer3",
        "--out overlay.png",
      })
  void malformedOptionsAreUsage(String options) throws IOException {
    CommandLineRun run = explain((Object[]) options.split(" ", -1));
    String option = options.split(" ", -1)[0];
    run.assertMisused(option);
    assertEquals(before, filesInFolder(), "something was written");
  }

  @Test
  void channelWeightsOfFusedLayersAreUsage() throws IOException {
    Path weights = folder.resolve("w.npy");
    explain(MODEL, "layer2,layer3", "--tensor", TENSOR, "--channel-weights", weights)
        .assertMisused("--channel-weights needs a single --layer");
  }

  @Test
  void missingOptionsAreUsage() {
    CommandLineRun.of().assertMisused("Missing command");
    CommandLineRun.of("explode").assertMisused("explode");
    CommandLineRun.of("explain").assertMisused("--model");
    CommandLineRun.of("explain", "--model", MODEL, "--layer", "layer3")
        .assertMisused("--image", "--tensor");
    CommandLineRun.of("explain", "--model", MODEL, "--tensor", TENSOR).assertMisused("--layer");
    CommandLineRun.of("layers").assertMisused("--model");
  }

  @Test
  void exitCodesAreThoseOfTheCauses() {
    assertEquals(4, ExitCode.of(new NativeMemoryException("none left")));
    assertEquals(4, ExitCode.of(new OutOfMemoryError()));
    assertEquals(1, ExitCode.of(new IllegalStateException("surprise")));
  }

  @Test
  void memoryThatCannotBeHadIsSaidInOneLine() throws IOException {
    // The layer asks for 4 EiB of zeros.
    Path model =
        ScriptedModels.script(
                "Greedy",
                """
                def forward(self, x: Tensor) -> Tensor:
                    y = self.maps.forward(x)
                    return torch.zeros([1024, 1048576, 1073741824]) + y.mean()
                """)
            .child("maps", ScriptedModels.timesPlus(1, 0))
            .save(folder);
    explain(model, "maps", "--tensor", TENSOR)
        .assertFails(ExitCode.OUT_OF_MEMORY, "out of native memory");
  }

  @Test
  void unexpectedFailuresShowNoStackOfCpp() {
    String shown =
        Program.messageOf(
            new RuntimeException("boom\nException raised from f at a.cpp:1\nframe #0: g\n"));
    assertEquals("RuntimeException: boom", shown);
  }
}
