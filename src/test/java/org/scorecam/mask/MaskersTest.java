package org.scorecam.mask;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.kernel.NativeBuild;

/** Which masker a process gets, by its properties and by what can be loaded. */
class MaskersTest {
  private static final String CLASS_PATH = System.getProperty("java.class.path");

  @Test
  void kernelsAreTheDefaultAndShareOpenMp() throws Exception {
    NativeBuild.require();
    String said = probe(CLASS_PATH, Map.of());
    assertTrue(said.contains("masker: own kernels (scorecam 0.1.0, "), said);
    assertTrue(said.contains("constant: false"), said);
    Assumptions.assumeTrue(said.contains("library: "), "only Linux has /proc/self/maps");
    assertTrue(said.contains("/libscorecam.so"), said);
    List<String> runtimes =
        said.lines().filter(line -> line.matches("library: .*/lib(g|i|)omp.*")).toList();
    assertEquals(1, runtimes.size(), "OpenMP runtimes in the process: " + runtimes);
    assertFalse(said.contains("scorecam_cuda"), "loaded without a CUDA tensor");
  }

  @Test
  void operationsCanBeDemanded() throws Exception {
    String said = probe(CLASS_PATH, Map.of(), "-Dscorecam.masker=tensor");
    assertTrue(said.contains("masker: LibTorch operations"), said);
  }

  @Test
  void unknownMaskerIsAnError() throws Exception {
    String said = probe(CLASS_PATH, Map.of(), "-Dscorecam.masker=fast");
    assertTrue(
        said.contains(
            "IllegalArgumentException: -Dscorecam.masker is kernel or tensor, not 'fast'"),
        said);
  }

  @Test
  void instructionSetIsCapped() throws Exception {
    NativeBuild.require();
    String said = probe(CLASS_PATH, Map.of("SCORECAM_MAX_ISA", "scalar"));
    assertTrue(said.contains(", scalar)"), said);
  }

  @Test
  void unknownInstructionSetIsAnErrorEvenWhereOperationsWouldDo() throws Exception {
    NativeBuild.require();
    String said = probe(CLASS_PATH, Map.of("SCORECAM_MAX_ISA", "avx1024"));
    assertTrue(
        said.contains("NativeLibraryException: SCORECAM_MAX_ISA is \"avx1024\"; this architecture"),
        said);
  }

  @Test
  void allocatorCanBeLeftAlone() throws Exception {
    String said = probe(CLASS_PATH, Map.of(), "-Dscorecam.allocator=off");
    assertTrue(said.contains("allocator: as it was (-Dscorecam.allocator=off)"), said);
  }

  @Test
  void withoutKernelsOperationsAreTakenWithAWarning(@TempDir Path folder) throws Exception {
    String said = probe(classPathWithoutKernels(folder), Map.of());
    assertTrue(said.contains("masker: LibTorch operations"), said);
    assertTrue(said.contains("allocator: as it was (no native library:"), said);
    assertTrue(said.contains("WARNING: masks are made by LibTorch's operations"), said);
    assertTrue(said.contains("jniscorecam"), "the warning says what was tried: " + said);
  }

  @Test
  void demandedKernelsThatAreMissingAreAnError(@TempDir Path folder) throws Exception {
    String said = probe(classPathWithoutKernels(folder), Map.of(), "-Dscorecam.masker=kernel");
    assertFalse(said.contains("masker: "), said);
    assertTrue(said.contains("NativeLibraryException: libscorecam cannot be loaded"), said);
    assertTrue(said.contains("-Dscorecam.native=off"), said);
    assertTrue(said.contains("UnsatisfiedLinkError: "), "the causes are kept: " + said);
  }

  private static String probe(String classPath, Map<String, String> environment, String... options)
      throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx256m", "-Dscorecam.threads=1", "-Duser.language=en"));
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", classPath, MaskerProbe.class.getName()));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().remove("SCORECAM_MAX_ISA");
    builder.environment().putAll(environment);
    Process process = builder.start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), said);
    return said;
  }

  /** The class path of this test with a copy of our classes that lacks native libraries. */
  private static String classPathWithoutKernels(Path folder) throws IOException {
    Path classes = Path.of("target", "classes").toAbsolutePath();
    try (Stream<Path> files = Files.walk(classes)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        boolean library = file.getFileName().toString().matches(".*\\.(so|dylib|dll)");
        Path copy = folder.resolve(classes.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(copy);
        } else if (!library) {
          Files.copy(file, copy);
        }
      }
    }
    List<String> entries = new ArrayList<>();
    for (String entry : CLASS_PATH.split(File.pathSeparator, -1)) {
      entries.add(Path.of(entry).toAbsolutePath().equals(classes) ? folder.toString() : entry);
    }
    assertTrue(entries.contains(folder.toString()), CLASS_PATH);
    return String.join(File.pathSeparator, entries);
  }
}
