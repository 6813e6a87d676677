package org.scorecam.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is kept of trials from one process to the next. */
class FindingsTest {
  @TempDir Path folder;

  private String before;

  @BeforeEach
  void nameTheFolder() {
    LibTorch.load();
    before = System.getProperty(Findings.FOLDER, "off");
    System.setProperty(Findings.FOLDER, folder.resolve("of/them").toString());
    Findings.keepIn(Optional.of(folder.resolve("another")));
  }

  @AfterEach
  void asBefore() {
    System.setProperty(Findings.FOLDER, before);
  }

  private Path onlyFile() {
    try (Stream<Path> files = Files.list(folder.resolve("of/them"))) {
      List<Path> all = files.toList();
      assertEquals(1, all.size(), all.toString());
      return all.get(0);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void answersAreThereForTheSameNetworkAlone() {
    Findings told = Findings.of(() -> "a network");
    assertEquals(Optional.empty(), told.answerTo("which=way: #1"));
    told.tell("which=way: #1", "µ = 2; \\ and\nlines");
    told.tell("another", "!");
    assertEquals(Optional.of("µ = 2; \\ and\nlines"), told.answerTo("which=way: #1"));
    Findings again = Findings.of(() -> "a network");
    assertEquals(Optional.of("µ = 2; \\ and\nlines"), again.answerTo("which=way: #1"));
    assertEquals(Optional.of("!"), again.answerTo("another"));
    assertEquals(Optional.empty(), again.answerTo("a third"));
    assertEquals(Optional.empty(), Findings.of(() -> "another network").answerTo("which=way: #1"));
  }

  @Test
  void theProgramsFolderIsTakenWhereThePropertyNamesNone() {
    System.clearProperty(Findings.FOLDER);
    Findings.of(() -> "a network").tell("question", "answer");
    assertTrue(Files.isDirectory(folder.resolve("another")));
    Findings.keepIn(Optional.empty());
    System.setProperty(Findings.FOLDER, folder.toString());
    assertSame(Findings.none(), Findings.of(() -> "a network"));
    assertThrows(NullPointerException.class, () -> Findings.keepIn(null));
  }

  @Test
  void nothingIsKeptWhereTheFolderIsOff() {
    System.setProperty(Findings.FOLDER, "off");
    assertSame(Findings.none(), Findings.of(() -> "a network"));
    Findings.none().tell("question", "answer");
    assertEquals(Optional.empty(), Findings.none().answerTo("question"));
    assertTrue(Files.notExists(Path.of("off")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "question=answer",
        "subject=0123\nquestion=answer",
        "subject=\\u12\nquestion=answer",
      })
  void aFileOfAnotherContentIsAsNone(String content) throws IOException {
    Findings findings = Findings.of(() -> "a network");
    findings.tell("question", "right");
    Files.writeString(onlyFile(), content);
    assertEquals(Optional.empty(), findings.answerTo("question"));
    findings.tell("question", "right");
    assertEquals(Optional.of("right"), findings.answerTo("question"));
  }

  @Test
  void whatIsNoTextOrTooLargeOrTooOldIsAsNone() throws IOException {
    Findings findings = Findings.of(() -> "a network");
    findings.tell("question", "right");
    byte[] written = Files.readAllBytes(onlyFile());
    Files.setLastModifiedTime(
        onlyFile(),
        FileTime.from(Instant.now().minus(Findings.LONGEST).minus(Duration.ofHours(1))));
    assertEquals(Optional.empty(), findings.answerTo("question"));
    byte[] truncated = new byte[written.length + 2];
    System.arraycopy(written, 0, truncated, 0, written.length);
    truncated[written.length] = (byte) 0xc3;
    Files.write(onlyFile(), truncated);
    assertEquals(Optional.empty(), findings.answerTo("question"));
    byte[] large = new byte[2 << 20];
    Arrays.fill(large, (byte) '\n');
    System.arraycopy(written, 0, large, 0, written.length);
    Files.write(onlyFile(), large);
    assertEquals(Optional.empty(), findings.answerTo("question"));
    Files.delete(onlyFile());
    assertEquals(Optional.empty(), findings.answerTo("question"));
  }

  @Test
  void whereNothingCanBeWrittenNothingIsLostButTheAnswer() throws IOException {
    Files.writeString(folder.resolve("of"), "not a folder");
    Findings findings = Findings.of(() -> "a network");
    findings.tell("question", "answer");
    assertEquals(Optional.empty(), findings.answerTo("question"));
    assertEquals("not a folder", Files.readString(folder.resolve("of")));
  }

  @Test
  void manyThreadsOfOneProcessLoseNothing() {
    IntStream.range(0, 64)
        .parallel()
        .forEach(i -> Findings.of(() -> "a network").tell("question " + i, "answer " + i));
    Findings findings = Findings.of(() -> "a network");
    for (int i = 0; i < 64; i++) {
      assertEquals(Optional.of("answer " + i), findings.answerTo("question " + i));
    }
  }
}
