package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.kernel.NativeBuild;

/** The C++ program of {@code native/examples} that starts a JVM is built and run. */
@EnabledOnOs(value = OS.LINUX, disabledReason = "the compiler's options are Linux's")
class EmbeddedJvmTest {
  private static final int SIDE = 64;

  @TempDir private Path folder;

  @Test
  void programInCppGetsTheMapThatJavaGets() throws Exception {
    NativeBuild.require();
    Path java = Path.of(System.getProperty("java.home"));
    String libraries = java.resolve("lib/server").toString();
    Path program = folder.resolve("embed_jvm");
    List<String> compiler =
        List.of("c++ -std=c++17 -O1 -Wall -Wextra -Wconversion -Werror -pthread".split(" ", -1));
    run(
        compiler,
        List.of(
            "-I" + java.resolve("include"),
            "-I" + java.resolve("include/linux"),
            "native/examples/embed_jvm.cpp",
            "-o",
            program.toString(),
            "-L" + libraries,
            "-Wl,-rpath," + libraries,
            "-ljvm"));
    Path network = ScriptedModels.fineScores().save(folder);

    String said =
        run(
            List.of(program.toString()),
            List.of(System.getProperty("java.class.path"), network.toString(), "maps"));

    String expected = "sum %.5e".formatted(sumFromJava(network));
    List<String> sums =
        said.lines()
            .filter(line -> line.startsWith("sum "))
            .map(line -> "sum %.5e".formatted(Double.parseDouble(line.substring(4))))
            .toList();
    assertEquals(List.of(expected, expected), sums, said);
  }

  /** What the program does, done here. */
  private static double sumFromJava(Path network) {
    EmbeddedNeighbour.open(network.toString(), "maps");
    float[] picture = new float[3 * SIDE * SIDE];
    for (int i = 0; i < picture.length; i++) {
      picture[i] = i % 97 / 97f;
    }
    try (FloatPointer memory = new FloatPointer(picture)) {
      long saliency = EmbeddedNeighbour.explain(memory.address(), SIDE, SIDE);
      double sum = 0;
      try (FloatPointer map = new Map(EmbeddedNeighbour.map(saliency))) {
        for (int i = 0; i < SIDE * SIDE; i++) {
          sum += map.get(i);
        }
      }
      EmbeddedNeighbour.closeSaliency(saliency);
      return sum;
    } finally {
      EmbeddedNeighbour.close();
    }
  }

  private static String run(List<String> command, List<String> arguments) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(Stream.concat(command.stream(), arguments.stream()).toList())
            .redirectErrorStream(true);
    builder.environment().put("OMP_NUM_THREADS", "1");
    Process process = builder.start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), said);
    return said;
  }

  /** The map's memory, which stays the saliency's. */
  private static final class Map extends FloatPointer {
    Map(long address) {
      super((Pointer) null);
      this.address = address;
    }
  }
}
