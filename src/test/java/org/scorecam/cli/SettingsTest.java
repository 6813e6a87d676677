package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.kernel.NativeBuild;

/** Settings that are read once in a process: by the program in one of its own. */
class SettingsTest {
  @TempDir private Path folder;

  /** A run of {@code diagnostics}. */
  private CommandLineRun diagnostics(Map<String, String> environment, String... properties)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(properties));
    String path = System.getProperty("java.class.path");
    command.addAll(List.of("-cp", path, Main.class.getName(), "diagnostics"));
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
    // It says so itself, not the log.
    assertEquals("", run.err());
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
}
