package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.Goldens;
import org.scorecam.runtime.LibTorch;

/** The commands {@code layers} and {@code diagnostics}, help and version. */
class OtherCommandsTest {
  @TempDir Path folder;

  private static String lineOf(CommandLineRun run, String path) {
    return run.out()
        .lines()
        .filter(line -> line.endsWith(" " + path))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no " + path + " in " + run.out()));
  }

  @Test
  void layersShowsTheTreeWithTypes() {
    CommandLineRun run =
        CommandLineRun.of("layers", "--model", Goldens.file("tinyresnet_script.pt")).assertDone();
    assertTrue(lineOf(run, "layer3.1.conv2").startsWith("    conv2 "), run.out());
    assertTrue(lineOf(run, "layer3.1.conv2").contains("Conv2d"), run.out());
    assertTrue(lineOf(run, "layer3").startsWith("layer3 "), run.out());
    assertFalse(run.out().contains("×"), "shapes without an input");
  }

  @Test
  void layersShowsTheShapesForATensor() {
    CommandLineRun run =
        CommandLineRun.of(
                "layers",
                "--model",
                Goldens.file("tinyresnet_script.pt"),
                "--tensor",
                Goldens.file("tinyresnet.batch.input.npy"))
            .assertDone();
    assertTrue(lineOf(run, "fc").contains("3×10"), run.out());
  }

  @Test
  void layersFindsTheNumberOfChannelsForASize() {
    CommandLineRun colour =
        CommandLineRun.of(
                "layers", "--model", Goldens.file("tinyresnet_script.pt"), "--size", "64x32")
            .assertDone();
    assertTrue(lineOf(colour, "fc").contains("1×10"), colour.out());
    CommandLineRun grey =
        CommandLineRun.of(
                "layers", "--model", Goldens.file("tinygray_script.pt"), "--size", "80x48")
            .assertDone();
    assertTrue(lineOf(grey, "fc").contains("1×4"), grey.out());
  }

  @Test
  void layersRefusesWhatItCannotRun() {
    CommandLineRun.of("layers", "--model", folder.resolve("none.pt"))
        .assertFails(ExitCode.BAD_INPUT, "does not exist");
    CommandLineRun.of(
            "layers",
            "--model",
            Goldens.file("tinyresnet_script.pt"),
            "--tensor",
            Goldens.file("tinygray.input.npy"))
        .assertFails(ExitCode.BAD_INPUT, "[1, 1, 48, 80]");
    CommandLineRun.of("layers", "--model", Goldens.file("tinyvgg_script.pt"), "--size", "1x1")
        .assertFails(ExitCode.BAD_INPUT, "cannot run an input of shape [1, 3, 1, 1]");
    CommandLineRun.of(
            "layers",
            "--model",
            Goldens.file("tinyresnet_script.pt"),
            "--size",
            "64x64",
            "--tensor",
            "x.npy")
        .assertMisused("--size", "--tensor");
  }

  @Test
  void diagnosticsShowsHowTheMachineIsSetUp() {
    CommandLineRun run = CommandLineRun.of("diagnostics").assertDone();
    for (String fact :
        new String[] {
          "LibTorch",
          "JavaCPP",
          "Java",
          "platform",
          "instruction set",
          "BLAS",
          "CUDA",
          "masker",
          "huge pages",
          "allocator",
          "NNPACK",
          "convolutions",
          "torchvision's operators"
        }) {
      assertTrue(run.out().lines().anyMatch(line -> line.startsWith(fact + " ")), fact);
    }
    assertTrue(
        run.out().lines().anyMatch(line -> line.matches("LibTorch +2\\.1[03]\\.0.*")), run.out());
    assertTrue(
        run.out().lines().anyMatch(line -> line.matches("OpenBLAS threads +1 during our work")),
        run.out());
  }

  @Test
  void threadsAreSet() {
    int before = LibTorch.threads();
    try {
      CommandLineRun.of(
              "layers", "--model", Goldens.file("tinydead_script.pt"), "--threads", before + 1)
          .assertDone();
      assertEquals(before + 1, LibTorch.threads());
    } finally {
      LibTorch.setThreads(before);
    }
  }

  @Test
  void helpAndVersionAreShown() {
    CommandLineRun help = CommandLineRun.of("--help").assertDone();
    for (String word : new String[] {"explain", "layers", "diagnostics", "Exit codes:"}) {
      assertTrue(help.out().contains(word), help.out());
    }
    assertTrue(CommandLineRun.of("explain", "--help").assertDone().out().contains("--channels"));
    assertTrue(CommandLineRun.of("--version").assertDone().out().startsWith("scorecam "));
  }

  @Test
  void optionsMayStandBeforeTheCommand() {
    CommandLineRun.of("--verbose", "layers", "--model", Goldens.file("tinyresnet_script.pt"))
        .assertDone();
    CommandLineRun.of("explian").assertMisused("Unmatched argument", "explain");
  }

  @Test
  void aPictureWithoutItsOptionIsToldOfIt() {
    CommandLineRun.of("explain", "cat.png", "--model", "a.pt", "--layer", "b", "--image", "a.png")
        .assertMisused("Unmatched argument", "'cat.png'", "Pictures are given with --image");
    assertFalse(
        CommandLineRun.of("layers", "cat.png", "--model", "a.pt")
            .assertMisused()
            .err()
            .contains("--image"));
    assertFalse(
        CommandLineRun.of("explain", "--imag", "cat.png")
            .assertMisused()
            .err()
            .contains("Pictures are named"));
  }
}
