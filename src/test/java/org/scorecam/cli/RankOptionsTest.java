package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
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
import org.scorecam.image.Picture;
import org.scorecam.tensor.NpyFile;

/** Series and volumes on the command line. */
class RankOptionsTest {
  private static final Path FOLDER = Path.of("src/test/resources/layouts");

  @TempDir Path folder;

  private CommandLineRun explain(String name, Path tensor, Object... options) {
    List<Object> words = new ArrayList<>(List.of("explain", "--layer", "layer3", "--class", 3));
    words.addAll(List.of("--model", FOLDER.resolve(name + "_script.pt"), "--tensor", tensor));
    words.addAll(List.of(options));
    return CommandLineRun.of(words.toArray());
  }

  private static Path input(String name) {
    return FOLDER.resolve(name + ".input.npy");
  }

  @ParameterizedTest
  @CsvSource({"tinyseries, 640, 396", "tinyvolume, 148, 124"})
  void mapsAreWrittenAndDrawn(String name, int width, int height) throws Exception {
    Path map = folder.resolve("map.npy");
    Path picture = folder.resolve("map.png");
    Path json = folder.resolve("report.json");
    CommandLineRun run =
        explain(name, input(name), "--map", map, "--heatmap", picture, "--json", json).assertDone();
    assertEquals(name.equals("tinyseries"), run.out().contains("note: layer 'layer3'"), run.out());
    try (Tensor expected = NpyFile.read(FOLDER.resolve(name + "-layer3-c3-tiskw.map.npy"));
        Tensor actual = NpyFile.read(map)) {
      assertArrayEquals(expected.shape(), actual.shape());
      assertClose(expected, actual, 1e-4);
    }
    Picture drawn = Picture.read(picture);
    assertEquals(width, drawn.width());
    assertEquals(height, drawn.height());
    assertTrue(Files.readString(json).contains("\"shape\": ["));
  }

  @Test
  void layersAreListedWithTheirShapes() {
    for (String name : List.of("tinyseries", "tinyvolume")) {
      String out =
          CommandLineRun.of(
                  "layers", "--model", FOLDER.resolve(name + "_script.pt"), "--tensor", input(name))
              .assertDone()
              .out();
      assertTrue(out.contains(name.equals("tinyseries") ? "1×16×32" : "1×12×2×5×6"), out);
    }
  }

  @Test
  void aNamedLayoutNeedsNoNote() {
    CommandLineRun run =
        explain("tinyseries", input("tinyseries"), "--layout", "channels-first").assertDone();
    assertTrue(!run.out().contains("note:"), run.out());
  }

  @Test
  void otherShapesAreRefused() {
    explain("tinyseries", input("tinyvolume")).assertFails(3, "[1, 2, 8, 20, 24]");
    explain("tinyvolume", input("tinyseries"))
        .assertFails(3, "neither as a picture [C, H, W] (", "nor as series [N, C, L] (");
    explain("tinyvolume", FOLDER.resolve("tinyvolume-layer3-c3-torchcam.map.npy"))
        .assertFails(3, "neither as a picture");
    explain("tinyvolume", FOLDER.resolve("tinyseries-layer3-c3-tiskw.map.npy"))
        .assertFails(3, "has the shape [128], but inputs have the shape [N, C, H, W]");
  }
}
