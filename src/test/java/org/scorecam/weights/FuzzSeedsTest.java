package org.scorecam.weights;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The fuzz targets' seeds, and the inputs that once broke a reader, in every build. */
class FuzzSeedsTest {
  static Stream<Arguments> targets() {
    return Stream.of(
        Arguments.of("/weights", (Consumer<byte[]>) FileFuzz::fuzzerTestOneInput),
        Arguments.of("/fuzz/File", (Consumer<byte[]>) FileFuzz::fuzzerTestOneInput),
        Arguments.of("/fuzz/Safetensors", (Consumer<byte[]>) SafetensorsFuzz::fuzzerTestOneInput),
        Arguments.of("/fuzz/Pickle", (Consumer<byte[]>) PickleFuzz::fuzzerTestOneInput));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("targets")
  void everySeedHoldsItsPromises(String folder, Consumer<byte[]> target)
      throws IOException, URISyntaxException {
    List<Path> seeds;
    try (Stream<Path> files =
        Files.list(Path.of(FuzzSeedsTest.class.getResource(folder).toURI()))) {
      seeds = files.toList();
    }
    assertFalse(seeds.isEmpty());
    for (Path seed : seeds) {
      target.accept(Files.readAllBytes(seed));
    }
  }

  @Test
  void goodSeedsAreSeenAsGood() throws IOException {
    assertTrue(Fuzzing.open(Files.readAllBytes(TestFiles.resource("state_dict.pth"))));
    assertTrue(Fuzzing.open(Files.readAllBytes(TestFiles.resource("script.pt"))));
    assertTrue(Fuzzing.open(Files.readAllBytes(TestFiles.resource("legacy.pth"))));
    assertFalse(Fuzzing.open(new byte[] {'P', 'K', 3, 4}));
  }
}
