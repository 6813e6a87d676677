package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.kernel.NativeBuild;
import org.scorecam.runtime.Diagnostics;
import org.scorecam.runtime.LibTorch;
import org.scorecam.tensor.Tensors;

/** What is set when LibTorch is loaded, and that all of it can be left alone. */
class SetUpTest {
  private static final double TOLERANCE = 1e-4;
  private static final List<String> STEPS =
      List.of(
          "OpenBLAS threads",
          "intra-op threads",
          "NNPACK",
          "TF32",
          "cuDNN benchmark",
          "JavaCPP's limit",
          "allocator",
          "huge pages",
          "convolutions");

  private static Map<String, String> probe(String... options) throws Exception {
    return probeWith(JavaProcess.CLASS_PATH, options);
  }

  private static Map<String, String> probeWith(String classPath, String... options)
      throws Exception {
    Map<String, String> facts = new HashMap<>();
    JavaProcess.run(SetUpProbe.class, classPath, Map.of(), List.of(options))
        .lines()
        .map(line -> line.split(": ", 2))
        .filter(fact -> fact.length == 2)
        .forEach(fact -> facts.put(fact[0], fact[1]));
    return facts;
  }

  private static float[] scores(Map<String, String> facts) {
    String[] numbers = facts.get("scores").replaceAll("[\\[\\] ]", "").split(",", -1);
    float[] scores = new float[numbers.length];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = Float.parseFloat(numbers[i]);
    }
    return scores;
  }

  @Test
  void everyStepIsShown() {
    assertEquals(STEPS, List.copyOf(LibTorch.setUp().keySet()));
    assertTrue(Diagnostics.collect().facts().keySet().containsAll(STEPS));
  }

  @Test
  void everythingIsSetUnlessSwitchedOff() throws Exception {
    NativeBuild.require();
    Map<String, String> facts = probe();
    assertEquals("1", facts.get("OpenBLAS threads"));
    assertEquals("off", facts.get("NNPACK"));
    assertTrue(facts.get("TF32").startsWith("off"), facts.toString());
    assertTrue(facts.get("convolutions").contains("Winograd"), facts.toString());
    Assumptions.assumeTrue(
        Files.isReadable(Path.of("/proc/self/smaps")), "the rest is Linux's alone");
    assertEquals("keeps the memory of large tensors", facts.get("allocator"));
    Assumptions.assumeFalse(
        facts.get("huge pages").contains("has no huge pages"), facts.get("huge pages"));
    assertEquals("asked for, for large tensors", facts.get("huge pages"));
    assertEquals("true", facts.get("huge"));
  }

  @Test
  void everythingCanBeLeftAloneAndScoresAreTheSame() throws Exception {
    Map<String, String> facts =
        probe(
            "-Dscorecam.openblas.threads=0",
            "-Dscorecam.nnpack=on",
            "-Dscorecam.allocator=off",
            "-Dscorecam.hugePages=off",
            "-Dscorecam.winograd=off");
    assertTrue(
        facts.get("OpenBLAS threads").endsWith("as it was (-Dscorecam.openblas.threads=0)"),
        facts.toString());
    assertEquals("as it was (-Dscorecam.nnpack=on)", facts.get("NNPACK"));
    assertEquals("as it was (-Dscorecam.allocator=off)", facts.get("allocator"));
    assertEquals("as it was (-Dscorecam.hugePages=off)", facts.get("huge pages"));
    assertEquals("as it was (-Dscorecam.winograd=off)", facts.get("convolutions"));
    assertEquals("false", facts.get("huge"));
    Goldens.assertClose(goldenScores(), scores(facts), TOLERANCE);
    Goldens.assertClose(goldenScores(), scores(probe()), TOLERANCE);
  }

  private static float[] goldenScores() {
    try (Tensor output = Goldens.tensor("tinyresnet.output.npy")) {
      return Tensors.toArray(output);
    }
  }

  @Test
  void withoutTheNativeLibraryScoresAreTheSame(@TempDir Path folder) throws Exception {
    Map<String, String> facts = probeWith(JavaProcess.classPathWithoutNatives(folder));
    for (String step : List.of("allocator", "huge pages", "convolutions")) {
      assertTrue(
          facts.get(step).startsWith("as it was (no native library: "), step + facts.get(step));
    }
    assertEquals("off", facts.get("NNPACK"));
    Goldens.assertClose(goldenScores(), scores(facts), TOLERANCE);
  }

  @ParameterizedTest
  @ValueSource(strings = {"nnpack", "allocator", "hugePages", "winograd"})
  void switchesAreOnOrOff(String name) throws Exception {
    Map<String, String> facts = probe("-Dscorecam." + name + "=false");
    assertEquals(
        "-Dscorecam.%s is on or off, not 'false'".formatted(name),
        facts.get("IllegalArgumentException"),
        facts.toString());
    assertFalse(facts.containsKey("scores"));
  }

  @Test
  void threadsAreNumbers() throws Exception {
    for (String property : List.of("scorecam.threads", "scorecam.openblas.threads")) {
      for (String value : Arrays.asList("two", "-1", "99999999999")) {
        assertEquals(
            "-D%s is a number of threads, not '%s'".formatted(property, value),
            probe("-D" + property + "=" + value).get("IllegalArgumentException"));
      }
    }
    assertEquals("2 (-Dscorecam.threads)", probe("-Dscorecam.threads=2").get("intra-op threads"));
    assertEquals("2", probe("-Dscorecam.openblas.threads=2").get("OpenBLAS threads"));
  }
}
