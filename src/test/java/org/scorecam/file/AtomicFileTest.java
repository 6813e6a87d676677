package org.scorecam.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.error.InputException;
import org.scorecam.error.OutputException;

class AtomicFileTest {
  @TempDir Path folder;

  private Path file;

  @BeforeEach
  void nameFile() {
    file = folder.resolve("map.npy");
  }

  private static AtomicFile.Content content(String text) {
    return out -> out.write(text.getBytes(StandardCharsets.UTF_8));
  }

  private List<Path> filesLeft() throws IOException {
    try (var files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  @Test
  void writesAndReplaces() throws IOException {
    AtomicFile.write(file, content("first, and long"));
    assertEquals("first, and long", Files.readString(file));
    AtomicFile.write(file, content("second"));
    assertEquals("second", Files.readString(file));
    assertEquals(List.of(file), filesLeft());
  }

  @Test
  void permissionsAreThoseOfAnyNewFile() throws IOException {
    Path ordinary = Files.createFile(folder.resolve("ordinary"));
    Assumptions.assumeTrue(
        Files.getFileStore(folder).supportsFileAttributeView("posix"), "no POSIX permissions");
    AtomicFile.write(file, content("x"));
    assertEquals(Files.getPosixFilePermissions(ordinary), Files.getPosixFilePermissions(file));
  }

  @Test
  void theFileIsNotThereBeforeItIsWhole() {
    AtomicFile.write(
        file,
        out -> {
          out.write(new byte[100_000]);
          assertTrue(Files.notExists(file));
        });
    assertTrue(Files.exists(file));
  }

  @Test
  void aFailureLeavesWhatWasThere() throws IOException {
    AtomicFile.write(file, content("before"));
    IOException full = new IOException("no space left on device");
    OutputException e =
        assertThrows(
            OutputException.class,
            () ->
                AtomicFile.write(
                    file,
                    out -> {
                      out.write(new byte[100_000]);
                      throw full;
                    }));
    assertEquals("cannot write " + file + ": no space left on device", e.getMessage());
    assertSame(full, e.getCause());
    assertEquals("before", Files.readString(file));
    assertEquals(List.of(file), filesLeft());
  }

  @Test
  void anUncheckedFailurePassesAndLeavesNothing() throws IOException {
    InputException mine = new InputException("mine");
    InputException thrown =
        assertThrows(
            InputException.class,
            () ->
                AtomicFile.write(
                    file,
                    out -> {
                      out.write(1);
                      throw mine;
                    }));
    assertSame(mine, thrown);
    assertEquals(List.of(), filesLeft());
  }

  @Test
  void unwritablePlacesAreNamedWithTheReason() throws IOException {
    Path homeless = folder.resolve("none").resolve("map.npy");
    assertRefused(homeless, "the folder " + homeless.getParent() + " does not exist");
    assertRefused(folder, "it is a folder");
    Path plain = Files.createFile(folder.resolve("plain"));
    Path below = plain.resolve("map.npy");
    OutputException e =
        assertThrows(OutputException.class, () -> AtomicFile.write(below, content("x")));
    assertTrue(e.getMessage().startsWith("cannot write " + below + ": "), e.getMessage());
  }

  @Test
  void readOnlyFilesStay() throws IOException {
    Files.writeString(file, "keep");
    assertTrue(file.toFile().setReadOnly());
    Assumptions.assumeFalse(Files.isWritable(file), "this user may write everything");
    assertRefused(file, "permission denied");
    assertEquals("keep", Files.readString(file));
  }

  private static void assertRefused(Path file, String reason) {
    OutputException e =
        assertThrows(OutputException.class, () -> AtomicFile.write(file, content("x")));
    assertEquals("cannot write " + file + ": " + reason, e.getMessage());
  }

  @Test
  void aLinkStaysALink() throws IOException {
    Path target = Files.writeString(folder.resolve("target"), "old");
    try {
      Files.createSymbolicLink(file, target);
    } catch (IOException | UnsupportedOperationException e) {
      Assumptions.abort("no symbolic links here: " + e);
    }
    AtomicFile.write(file, content("new"));
    assertTrue(Files.isSymbolicLink(file));
    assertEquals("new", Files.readString(target));
  }

  @Test
  void aDeviceIsWrittenToAndNotReplaced() {
    Path device = Path.of("/dev/null");
    Assumptions.assumeTrue(Files.exists(device), "no " + device);
    AtomicFile.write(device, content("gone"));
    assertTrue(!Files.isRegularFile(device));
  }
}
