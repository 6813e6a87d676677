package org.scorecam.mask;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.JavaProcess;
import org.scorecam.kernel.NativeBuild;

/** Which masker a process gets, by its properties and by what can be loaded. */
class MaskersTest {
  @Test
  void kernelsAreTheDefaultAndShareOpenMp() throws Exception {
    NativeBuild.require();
    String said = probe(JavaProcess.CLASS_PATH, Map.of());
    assertTrue(said.contains("masker: own kernels (scorecam "), said);
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
    String said = probe(JavaProcess.CLASS_PATH, Map.of(), "-Dscorecam.masker=tensor");
    assertTrue(said.contains("masker: LibTorch operations"), said);
  }

  @Test
  void unknownMaskerIsAnError() throws Exception {
    String said = probe(JavaProcess.CLASS_PATH, Map.of(), "-Dscorecam.masker=fast");
    assertTrue(
        said.contains(
            "IllegalArgumentException: -Dscorecam.masker is kernel or tensor, not 'fast'"),
        said);
  }

  @Test
  void instructionSetIsCapped() throws Exception {
    NativeBuild.require();
    String said = probe(JavaProcess.CLASS_PATH, Map.of("SCORECAM_MAX_ISA", "scalar"));
    assertTrue(said.contains(", scalar)"), said);
  }

  @Test
  void unknownInstructionSetIsAnErrorEvenWhereOperationsWouldDo() throws Exception {
    NativeBuild.require();
    String said = probe(JavaProcess.CLASS_PATH, Map.of("SCORECAM_MAX_ISA", "avx1024"));
    assertTrue(
        said.contains("NativeLibraryException: SCORECAM_MAX_ISA is \"avx1024\"; this architecture"),
        said);
  }

  @Test
  void allocatorCanBeLeftAlone() throws Exception {
    String said = probe(JavaProcess.CLASS_PATH, Map.of(), "-Dscorecam.allocator=off");
    assertTrue(said.contains("allocator: as it was (-Dscorecam.allocator=off)"), said);
  }

  @Test
  void withoutKernelsOperationsAreTakenWithAWarning(@TempDir Path folder) throws Exception {
    String said = probe(JavaProcess.classPathWithoutNatives(folder), Map.of());
    assertTrue(said.contains("masker: LibTorch operations"), said);
    assertTrue(said.contains("allocator: as it was (no native library:"), said);
    assertTrue(said.contains("WARNING: masks are made by LibTorch's operations"), said);
    assertTrue(said.contains("jniscorecam"), "the warning says what was tried: " + said);
  }

  @Test
  void demandedKernelsThatAreMissingAreAnError(@TempDir Path folder) throws Exception {
    String said =
        probe(JavaProcess.classPathWithoutNatives(folder), Map.of(), "-Dscorecam.masker=kernel");
    assertFalse(said.contains("masker: "), said);
    assertTrue(said.contains("NativeLibraryException: libscorecam cannot be loaded"), said);
    assertTrue(said.contains("-Dscorecam.native=off"), said);
    assertTrue(said.contains("UnsatisfiedLinkError: "), "the causes are kept: " + said);
  }

  private static String probe(String classPath, Map<String, String> environment, String... options)
      throws Exception {
    List<String> all = new ArrayList<>(List.of("-Duser.language=en"));
    all.addAll(List.of(options));
    return JavaProcess.run(MaskerProbe.class, classPath, environment, all);
  }
}
