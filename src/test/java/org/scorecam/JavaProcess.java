package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
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

/** Java machines of their own, for what is decided once per process. */
public final class JavaProcess {
  /** That of the tests. */
  public static final String CLASS_PATH = System.getProperty("java.class.path");

  private JavaProcess() {}

  /** What a program prints, which must end well. */
  public static String run(
      Class<?> main, String classPath, Map<String, String> environment, List<String> options)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx256m", "-Dscorecam.threads=1"));
    command.addAll(options);
    command.addAll(List.of("-cp", classPath, main.getName()));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().remove("SCORECAM_MAX_ISA");
    builder.environment().putAll(environment);
    Process process = builder.start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), said);
    return said;
  }

  /** The tests' class path with a copy of our classes that lacks native libraries. */
  public static String classPathWithoutNatives(Path folder) throws Exception {
    Path classes =
        Path.of(ScoreCam.class.getProtectionDomain().getCodeSource().getLocation().toURI());
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
