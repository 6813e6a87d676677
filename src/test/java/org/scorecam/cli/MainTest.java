package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.scorecam.JavaProcess;

/** The program without what it needs. */
class MainTest {
  @Test
  void aJarWithoutItsLibFolderSaysWhatIsMissing() throws Exception {
    Path classes = Path.of(Main.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    String said =
        assertThrows(
                AssertionError.class,
                () -> JavaProcess.run(Main.class, classes.toString(), Map.of(), List.of()))
            .getMessage();
    assertTrue(
        said.contains("is missing from the class path; run scorecam.jar with the lib"), said);
    assertTrue(said.contains("expected: <0> but was: <1>"), said);
    assertFalse(said.contains("Exception in thread"), said);
  }
}
