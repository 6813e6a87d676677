package org.scorecam.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.scorecam.JavaProcess;

class OneDnnCachesTest {
  @BeforeEach
  void theFaultIsThatOfOneVersion() {
    String platform = Loader.Detector.getPlatform();
    Assumptions.assumeTrue(platform.equals("linux-x86_64"), "not on " + platform);
    String version = Diagnostics.collect().facts().get("LibTorch");
    Assumptions.assumeTrue(version.startsWith("2.10."), "LibTorch is " + version);
  }

  @Test
  void cachesOfOneByteAreMendedAndNothingElse() throws Exception {
    Map<String, String> facts = new HashMap<>();
    JavaProcess.run(OneDnnCachesProbe.class, JavaProcess.CLASS_PATH, Map.of(), List.of())
        .lines()
        .map(line -> line.split(": ", 2))
        .filter(fact -> fact.length == 2)
        .forEach(fact -> facts.put(fact[0], fact[1]));
    assertEquals(
        "not reported by the processor; guessed by oneDNN", facts.get("left alone"), "" + facts);
    assertEquals(
        "not reported by the processor; oneDNN's guesses in place of one byte each",
        facts.get("mended"));
    assertEquals("32768 524288 1048576", facts.get("sizes"));
    double error = Double.parseDouble(facts.get("off by"));
    assertTrue(error < 1e-3, "off by " + error);
  }

  @Test
  void theyCanBeLeftAlone() {
    LibTorchSettings settings = LibTorchSettings.defaults().withOneDnnCaches(false);
    assertEquals(
        "as it was (scorecam.oneDnnCaches=off in the program)", new OneDnnCaches().apply(settings));
  }

  @Test
  void variablesThatDoNotExistAreNotFound() throws Exception {
    LibTorch.load();
    assertEquals(OptionalLong.empty(), ElfSymbols.addressOf("libtorch_cpu.so", "no such thing", 1));
    assertEquals(OptionalLong.empty(), ElfSymbols.addressOf("libnosuch.so", "stdout", 1));
  }
}
