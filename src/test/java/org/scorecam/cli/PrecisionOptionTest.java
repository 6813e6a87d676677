package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.Goldens;
import org.scorecam.ScriptedModels;
import org.scorecam.tensor.NpyFile;

/** The option {@code --precision}. */
class PrecisionOptionTest {
  private static final double TOLERANCE = 1e-4;

  @TempDir Path folder;

  private Path map;

  @BeforeEach
  void nameOutput() {
    map = folder.resolve("map.npy");
  }

  private CommandLineRun explain(Path model, String layer, Path tensor, String precision) {
    return CommandLineRun.of(
        "explain",
        "--model",
        model,
        "--layer",
        layer,
        "--tensor",
        tensor,
        "--class",
        3,
        "--map",
        map,
        "--precision",
        precision);
  }

  private CommandLineRun explain(String precision) {
    return explain(
        Goldens.file("tinyresnet_script.pt"),
        "layer3",
        Goldens.file("tinyresnet.input.npy"),
        precision);
  }

  private void assertGolden(double tolerance) {
    try (Tensor actual = NpyFile.read(map);
        Tensor expected = Goldens.tensor("tinyresnet-layer3-c3-tiskw.map.npy")) {
      assertClose(expected, actual, tolerance);
    }
  }

  @Test
  void float32GivesTheSameMap() {
    explain("float32").assertDone();
    assertGolden(TOLERANCE);
    explain("FLOAT32").assertDone();
  }

  @Test
  void autoTakesWhatHolds() {
    explain("auto").assertDone();
    assertGolden(0.2);
  }

  @Test
  void bfloat16IsUsedOrANoteSaysWhyNot() {
    CommandLineRun run = explain("bfloat16");
    run.assertDone();
    boolean instead =
        run.out().contains("note: float32 was used instead of bfloat16: on this machine it takes ");
    assertEquals(instead, run.out().contains(" of float32, "), run.out());
    assertEquals(!instead, run.out().contains(" of bfloat16, "), run.out());
    assertGolden(instead ? TOLERANCE : 0.2);
  }

  @Test
  void whatTheDeviceDoesNotHaveIsRefused() {
    CommandLineRun run = explain("tf32");
    run.assertFails(
        ExitCode.BAD_INPUT, "tf32 is a precision of CUDA devices; the network is on cpu");
    assertEquals(1, run.err().lines().count(), run.err());
    assertFalse(Files.exists(map));
  }

  @Test
  void aMapThatIsOffIsRefusedAndAutoTakesFloat32() {
    Path model = ScriptedModels.fineScores().save(folder);
    Path tensor = Goldens.file("tinyresnet.input.npy");
    CommandLineRun run = explain(model, "maps", tensor, "bfloat16");
    run.assertFails(ExitCode.BAD_INPUT, "bfloat16 is refused: the map of 16 masked inputs");
    assertEquals(1, run.err().lines().count(), run.err());
    assertFalse(Files.exists(map));
    explain(model, "maps", tensor, "auto").assertDone();
    assertTrue(Files.exists(map));
  }

  @Test
  void otherNamesAreUsage() {
    explain("bfloat17")
        .assertMisused(
            "--precision",
            "'bfloat17' is not a precision; the precisions are float32, tf32, bfloat16, float16, and auto");
    explain("").assertMisused("--precision");
  }
}
