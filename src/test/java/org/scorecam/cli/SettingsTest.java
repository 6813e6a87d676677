package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.ScriptedModels;
import org.scorecam.kernel.NativeBuild;

/** What holds for a whole process, in one of the program's own: settings, and standard error. */
class SettingsTest {
  @TempDir private Path folder;

  /** A run of {@code diagnostics}. */
  private CommandLineRun diagnostics(Map<String, String> environment, String... properties)
      throws IOException, InterruptedException {
    return run(environment, List.of(properties), List.of("diagnostics"));
  }

  private CommandLineRun run(
      Map<String, String> environment, List<String> properties, List<String> arguments)
      throws IOException, InterruptedException {
    return run(environment, properties, System.getProperty("java.class.path"), arguments);
  }

  private CommandLineRun run(
      Map<String, String> environment,
      List<String> properties,
      String classPath,
      List<String> arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(properties);
    command.addAll(List.of("-cp", classPath, Main.class.getName()));
    command.addAll(arguments);
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectOutput(out.toFile()).redirectError(err.toFile());
    builder.environment().putAll(environment);
    int exitCode = builder.start().waitFor();
    Charset charset = Charset.defaultCharset();
    return new CommandLineRun(
        exitCode, Files.readString(out, charset), Files.readString(err, charset));
  }

  private static String factOf(CommandLineRun run, String name) {
    return run.out()
        .lines()
        .filter(line -> line.startsWith(name + " "))
        .map(line -> line.substring(name.length()).strip())
        .findFirst()
        .orElseThrow();
  }

  @Test
  void switchesAreReported() throws IOException, InterruptedException {
    NativeBuild.require();
    CommandLineRun run =
        diagnostics(
            Map.of(),
            "-Dscorecam.hugePages=off",
            "-Dscorecam.threads=1",
            "-Dscorecam.winograd=off",
            "-Dscorecam.nnpack=on",
            "-Dscorecam.cudnn.benchmark=off",
            "-Dorg.bytedeco.javacpp.maxPhysicalBytes=9g");
    assertEquals(ExitCode.DONE, run.exitCode(), run.err());
    assertEquals("1 during our work (-Dscorecam.threads=1)", factOf(run, "intra-op threads"));
    assertEquals("as it was (-Dscorecam.winograd=off)", factOf(run, "convolutions"));
    assertEquals("as it was (-Dscorecam.nnpack=on)", factOf(run, "NNPACK"));
    assertEquals("as it was (-Dscorecam.cudnn.benchmark=off)", factOf(run, "cuDNN benchmark"));
    assertTrue(factOf(run, "JavaCPP's limit").startsWith("9216 MiB"), run.out());
    assertTrue(factOf(run, "TF32").startsWith("off"), run.out());
    assertEquals("as it was (-Dscorecam.hugePages=off)", factOf(run, "huge pages"));
    // It says so itself, not the log; JavaCPP may say that its versions differ (-Plibtorch-2.13).
    assertTrue(
        run.err().lines().allMatch(line -> line.startsWith("Warning: Versions of org.bytedeco")),
        run.err());
  }

  @Test
  void theSetUpCanBeLeftOutAsAWhole() throws IOException, InterruptedException {
    CommandLineRun run = diagnostics(Map.of(), "-Dscorecam.setup=off");
    assertEquals(ExitCode.DONE, run.exitCode(), run.err());
    for (String step : List.of("allocator", "huge pages", "convolutions")) {
      assertEquals("as it was (-Dscorecam.setup=off)", factOf(run, step));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"scorecam.winograd", "scorecam.nnpack", "scorecam.hugePages"})
  void aValueThatDoesNotExistIsRefusedByName(String property)
      throws IOException, InterruptedException {
    CommandLineRun run = diagnostics(Map.of(), "-D" + property + "=perhaps");
    assertEquals(ExitCode.OTHER, run.exitCode());
    assertTrue(run.err().contains("-D" + property + " is on or off, not 'perhaps'"), run.err());
    assertFalse(run.err().contains("InInitializer"), run.err());
  }

  @Test
  void theNetworksOwnWarningsAreNotPrintedInEveryPass() throws IOException, InterruptedException {
    // LibTorch prints them to the process's standard error, past Java. torchvision's scripted
    // GoogLeNet and Inception have one.
    Path model =
        ScriptedModels.script(
                "Warns",
                """
                def forward(self, x: Tensor) -> Tensor:
                    if x.size(0) > 0:
                        torch.warn("as always")
                    return self.maps.forward(x).mean([2, 3])
                """)
            .child("maps", ScriptedModels.timesPlus(1, 0))
            .save(folder);
    Path input = Goldens.file("tinyresnet.input.npy");
    CommandLineRun run =
        run(
            Map.of(),
            List.of(),
            List.of(
                "explain",
                "--model",
                model.toString(),
                "--layer",
                "maps",
                "--tensor",
                input.toString()));
    assertEquals(ExitCode.DONE, run.exitCode(), run.err());
    assertFalse(run.err().contains("as always"), run.err());
  }

  @Test
  void missingLibrariesOfTheProgramAreNamed() throws IOException, InterruptedException {
    String withoutPicocli =
        Stream.of(System.getProperty("java.class.path").split(File.pathSeparator, -1))
            .filter(part -> !part.contains("picocli"))
            .collect(Collectors.joining(File.pathSeparator));
    CommandLineRun run = run(Map.of(), List.of(), withoutPicocli, List.of("diagnostics"));
    assertEquals(ExitCode.OTHER, run.exitCode());
    assertEquals(1, run.err().lines().count(), run.err());
    assertTrue(run.err().startsWith("scorecam: picocli.CommandLine"), run.err());
    assertTrue(run.err().contains("info.picocli:picocli"), run.err());
  }
}
