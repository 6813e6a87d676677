package org.scorecam;

import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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

  /** For the log, which sets the time zone where nobody has. */
  private static final List<String> ENGLISH = List.of("-Duser.language=en", "-Duser.timezone=UTC");

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
          "convolutions",
          "torchvision's operators",
          "oneDNN's caches",
          "exit during work");

  private static Map<String, String> probe(String... options) throws Exception {
    return probeWith(JavaProcess.CLASS_PATH, options);
  }

  private static Map<String, String> probeWith(String classPath, String... options)
      throws Exception {
    return factsOf(JavaProcess.run(SetUpProbe.class, classPath, Map.of(), List.of(options)));
  }

  private static Map<String, String> factsOf(String said) {
    Map<String, String> facts = new HashMap<>();
    said.lines()
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

  /** Otherwise a LibTorch on the system's library path would come in between. */
  @Test
  void librariesAreUnpackedBeforeTheFirstIsLoaded(@TempDir Path cache) throws Exception {
    List<String> said =
        JavaProcess.run(
                SetUpProbe.class,
                JavaProcess.CLASS_PATH,
                Map.of(),
                List.of(
                    "-Dorg.bytedeco.javacpp.cachedir=" + cache,
                    "-Dorg.bytedeco.javacpp.logger.debug=true"))
            .lines()
            .toList();
    int loaded = placeOf("Debug: Loading " + cache, "torch", said);
    for (String library : List.of("c10", "torch_cpu", "torch")) {
      int unpacked = placeOf("Debug: Extracting ", library, said);
      assertTrue(unpacked < loaded, library + " is unpacked in line " + unpacked);
    }
  }

  private static int placeOf(String start, String library, List<String> said) {
    String end = System.mapLibraryName(library);
    for (int i = 0; i < said.size(); i++) {
      if (said.get(i).startsWith(start) && said.get(i).endsWith(end)) {
        return i;
      }
    }
    throw new AssertionError("no line " + start + "…" + end + " in " + said);
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
    assertEquals("1 during our work", facts.get("OpenBLAS threads"));
    assertEquals("off during our work", facts.get("NNPACK"));
    assertTrue(facts.get("TF32").startsWith("off"), facts.toString());
    assertTrue(facts.get("convolutions").contains("Winograd"), facts.toString());
    Assumptions.assumeTrue(
        Files.isReadable(Path.of("/proc/self/smaps")), "the rest is Linux's alone");
    Assumptions.assumeFalse(
        facts.get("allocator").contains("this is LibTorch"), facts.get("allocator"));
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
            "-Dscorecam.cudnn.benchmark=off",
            "-Dscorecam.allocator=off",
            "-Dscorecam.hugePages=off",
            "-Dscorecam.winograd=off",
            "-Dscorecam.visionOperators=off");
    assertEquals("as it was (-Dscorecam.openblas.threads=0)", facts.get("OpenBLAS threads"));
    assertEquals("as it was (-Dscorecam.cudnn.benchmark=off)", facts.get("cuDNN benchmark"));
    assertEquals("as it was (-Dscorecam.nnpack=on)", facts.get("NNPACK"));
    assertEquals("as it was (-Dscorecam.allocator=off)", facts.get("allocator"));
    assertEquals("as it was (-Dscorecam.hugePages=off)", facts.get("huge pages"));
    assertEquals("as it was (-Dscorecam.winograd=off)", facts.get("convolutions"));
    assertEquals(
        "as it was (-Dscorecam.visionOperators=off)", facts.get("torchvision's operators"));
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
    assertEquals("off during our work", facts.get("NNPACK"));
    Goldens.assertClose(goldenScores(), scores(facts), TOLERANCE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "setup",
        "nnpack",
        "cudnn.benchmark",
        "allocator",
        "hugePages",
        "winograd",
        "visionOperators"
      })
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
    assertEquals(
        "2 during our work (-Dscorecam.threads=2)",
        probe("-Dscorecam.threads=2").get("intra-op threads"));
    assertEquals(
        "2 during our work", probe("-Dscorecam.openblas.threads=2").get("OpenBLAS threads"));
  }

  @Test
  void whatIsSetForTheProcessIsToldOnce() throws Exception {
    NativeBuild.require();
    String said = JavaProcess.run(SetUpProbe.class, JavaProcess.CLASS_PATH, Map.of(), ENGLISH);
    List<String> lines =
        said.lines().filter(line -> line.contains("LibTorch is set up for this process")).toList();
    assertEquals(1, lines.size(), said);
    assertTrue(lines.get(0).startsWith("INFO: "), lines.get(0));
    for (String part :
        List.of(
            "-Dscorecam.setup=off",
            "JavaCPP's limit off; ",
            "allocator ",
            "huge pages ",
            "convolutions of 3")) {
      assertTrue(lines.get(0).contains(part), lines.get(0));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"-Dscorecam.setup=off", "-Dguest.api=off"})
  void nothingIsSetForTheProcessIfThatIsOff(String off) throws Exception {
    Map<String, String> facts = guest(off);
    String why = off.startsWith("-Dscorecam") ? off : "scorecam.setup=off in the program";
    for (String step : List.of("allocator", "huge pages", "convolutions")) {
      assertEquals("as it was (%s)".formatted(why), facts.get(step));
    }
    assertTrue(
        facts.get("JavaCPP's limit").endsWith("MiB of resident memory (%s)".formatted(why)),
        facts.toString());
    assertEquals("false", facts.get("huge"));
    assertEquals("nothing", facts.get("changed"));
    assertFalse(facts.containsKey("INFO"), facts.toString());
    // And all that is given back was in force.
    assertEquals("off during our work", facts.get("NNPACK"));
    Goldens.assertClose(goldenScores(), scores(facts), TOLERANCE);
  }

  @Test
  void propertiesWinOverTheProgram() throws Exception {
    NativeBuild.require();
    assertFalse(
        guest("-Dguest.api=off", "-Dscorecam.setup=on").get("convolutions").contains("as it was"));
  }

  @Test
  void onlyWhatIsToldStaysChanged() throws Exception {
    NativeBuild.require();
    Map<String, String> facts = guest();
    assertEquals(
        facts.get("allocator").startsWith("keeps") ? "[allocator, operators]" : "[operators]",
        facts.get("changed"));
    assertTrue(facts.containsKey("INFO"), facts.toString());
  }

  @Test
  void javaCppsLimitIsLeftToAHostThatUsesItAlready() throws Exception {
    // The guest's host has loaded LibTorch before us.
    assertTrue(
        guest().get("JavaCPP's limit").endsWith("(JavaCPP was in use before)"), guest().toString());
    assertEquals("off", probe().get("JavaCPP's limit"));
    for (String spelling : List.of("maxPhysicalBytes", "maxphysicalbytes")) {
      String limit = probe("-Dorg.bytedeco.javacpp." + spelling + "=9g").get("JavaCPP's limit");
      assertTrue(limit.startsWith("9216 MiB"), limit);
    }
  }

  private static Map<String, String> guest(String... options) throws Exception {
    List<String> all = new ArrayList<>(ENGLISH);
    all.addAll(List.of(options));
    return factsOf(JavaProcess.run(GuestProbe.class, JavaProcess.CLASS_PATH, Map.of(), all));
  }

  /** What glibc says of an exit: which libraries' static objects it destroys. */
  private static String exit(String work) throws Exception {
    String said =
        JavaProcess.run(
            ExitProbe.class,
            JavaProcess.CLASS_PATH,
            Map.of("LD_DEBUG", "files"),
            List.of("-D" + ExitProbe.WORK + "=" + work));
    return said.lines().filter(line -> line.contains("calling fini")).collect(joining("\n"));
  }

  @Test
  void libTorchIsNotDestroyedUnderThoseWhoUseIt() throws Exception {
    NativeBuild.require();
    Assumptions.assumeTrue(
        LibTorch.setUp().get("exit during work").equals("at once"),
        "only glibc tells with which status a process exits");
    assertEquals("", exit("on"));
    assertTrue(exit("off").contains("libtorch_cpu"));
    assertEquals("", exit("last"));
    String unloaded = exit("unloaded");
    assertTrue(unloaded.contains("libjvm"), unloaded);
    assertFalse(unloaded.contains("libtorch"), unloaded);
  }
}
