package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every input has output files of its own, whose names say which it was. */
class OutputNamesTest {
  private static final Path OUT = Path.of("results", "o.png");

  private static List<String> names(String... inputs) {
    OutputNames names = OutputNames.of(Stream.of(inputs).map(Path::of).toList());
    return IntStream.range(0, inputs.length)
        .mapToObj(i -> names.of(OUT, i))
        .peek(file -> assertEquals(OUT.getParent(), file.getParent()))
        .map(file -> file.getFileName().toString())
        .toList();
  }

  @Test
  void theNameIsThePictures() {
    assertEquals(List.of("o-cat.png"), names("cat.jpg"));
    assertEquals(List.of("o-cat.png", "o-dog.1.png"), names("a/cat.jpg", "b/dog.1.jpg"));
    assertEquals(
        Path.of("o-.hidden"), OutputNames.of(List.of(Path.of(".hidden"))).of(Path.of("o"), 0));
  }

  @Test
  void foldersTellLikeNamesApart() {
    assertEquals(
        List.of("o-train-cat.png", "o-test-cat.png", "o-dog.png"),
        names("set/train/cat.jpg", "set/test/cat.jpg", "set/test/dog.jpg"));
    assertEquals(List.of("o-a-x-cat.png", "o-b-x-cat.png"), names("a/x/cat.jpg", "b/x/cat.jpg"));
    assertEquals(List.of("o-cat.png", "o-deep-cat.png"), names("cat.png", "deep/cat.png"));
    assertEquals(List.of("o-cat.png", "o-deep-cat.png"), names("./cat.png", "a/../deep/cat.png"));
  }

  @Test
  void numbersTellTheRestApart() {
    assertEquals(List.of("o-cat.png", "o-cat-2.png"), names("cat.jpg", "cat.png"));
    assertEquals(List.of("o-cat.png", "o-cat-2.png"), names("cat.jpg", "cat.jpg"));
    assertEquals(
        List.of("o-cat.png", "o-cat-3.png", "o-cat-2.png"),
        names("cat.jpg", "cat.png", "cat-2.png"));
    assertEquals(
        List.of("o-x-cat.png", "o-x-cat-2.png", "o-y-cat.png"),
        names("x/cat.jpg", "x/cat.png", "y/cat.png"));
    assertEquals(
        List.of("o-b-cat.png", "o-b-cat-2.png", "o-cat.png"),
        names("b/cat.jpg", "b-cat.png", "cat.png"));
  }

  @Test
  void upperAndLowerCaseTellNothingApart() {
    assertEquals(List.of("o-Cat.png", "o-cat-2.png"), names("Cat.png", "cat.png"));
    assertEquals(List.of("o-a-Cat.png", "o-b-cat.png"), names("a/Cat.png", "b/cat.png"));
  }

  @Test
  void oneInputNeedsNoName() {
    assertEquals(OUT, OutputNames.ofOne().of(OUT, 0));
    assertEquals(Path.of("results", "o-2.png"), OutputNames.ofNumbered(3).of(OUT, 2));
  }
}
