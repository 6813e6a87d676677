package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.error.InputException;

/** Files, folders and patterns that name pictures. */
class PictureFilesTest {
  @TempDir Path folder;

  @BeforeEach
  void makeFiles() throws IOException {
    Files.createDirectories(folder.resolve("train/deep"));
    Files.createDirectories(folder.resolve("empty.png"));
    for (String name :
        List.of(
            "b.png",
            "A.JPEG",
            "notes.txt",
            ".hidden.png",
            "png",
            "train/c.webp",
            "train/deep/d.tif",
            "train/deep/x[1].png")) {
      Files.createFile(folder.resolve(name));
    }
  }

  private List<String> named(String word) {
    return PictureFiles.named(folder + "/" + word).stream()
        .map(file -> folder.relativize(file).toString().replace('\\', '/'))
        .toList();
  }

  private void assertNone(String word, String reason) {
    String message = assertThrows(InputException.class, () -> named(word)).getMessage();
    assertTrue(message.contains(reason), message);
  }

  @Test
  void aFileIsTakenAsItIsNamed() {
    assertEquals(List.of("b.png"), named("b.png"));
    assertEquals(List.of("notes.txt"), named("notes.txt"));
    assertEquals(List.of("missing.png"), named("missing.png"));
    assertEquals(List.of("train/deep/x[1].png"), named("train/deep/x[1].png"));
  }

  @Test
  void aFolderStandsForThePicturesInIt() {
    assertEquals(List.of("A.JPEG", "b.png"), named(""));
    assertEquals(List.of("train/c.webp"), named("train"));
    assertNone("empty.png", "there are no pictures in the folder");
    assertNone("empty.png", "/empty.png/**'");
  }

  @Test
  void aPatternIsReadAsShellsDo() {
    assertEquals(List.of("b.png"), named("*.png"));
    assertEquals(List.of("A.JPEG", "b.png"), named("[A-b]*"));
    assertEquals(List.of("b.png", "train/c.webp"), named("{b.png,train/c.*}"));
    assertEquals(List.of("train/c.webp"), named("*/?.webp"));
    assertEquals(
        List.of("b.png", "train/deep/x[1].png"), named("**/*.png"), "** is no folder as well");
    assertEquals(
        List.of("A.JPEG", "b.png", "train/c.webp", "train/deep/d.tif", "train/deep/x[1].png"),
        named("**"));
    assertEquals(List.of("train/deep/d.tif"), named("t*/**/d.*"));
    assertNone("*.gif", "no picture matches '");
    assertNone("*.txt", "no picture matches '");
    assertNone("nowhere/*.png", "nowhere cannot be read: no such file or folder");
    assertNone("x[.gif", "is not a pattern: brackets and braces must be closed");
  }

  @Test
  void aPatternMayBeRelative() {
    assertEquals(
        List.of(Path.of("src/test/resources/image/baseline.jpg")),
        PictureFiles.named("src/test/resources/*/base*.jpg"));
    assertThrows(InputException.class, () -> PictureFiles.named("*.png"));
  }

  @Test
  void aLinkIntoACircleIsNotFollowedForEver() throws IOException {
    try {
      Files.createSymbolicLink(folder.resolve("train/deep/again"), folder.resolve("train"));
    } catch (UnsupportedOperationException | IOException e) {
      abort("no symbolic links here: " + e);
    }
    assertEquals(List.of("train/c.webp"), named("train/**/c.webp"));
  }

  @Test
  void anEmptyNameIsRefused() {
    assertThrows(InputException.class, () -> PictureFiles.named(""));
    assertThrows(InputException.class, () -> PictureFiles.named("\0"));
  }
}
