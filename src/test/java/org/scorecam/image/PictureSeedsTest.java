package org.scorecam.image;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The seeds of {@link PictureFuzz}, and the inputs that once broke a reader, in every build. */
class PictureSeedsTest {
  @AfterEach
  void clearLimit() {
    System.clearProperty(Picture.MAX_PIXELS);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/image", "/image/formats", "/fuzz/Picture"})
  void everySeedHoldsItsPromises(String folder) throws IOException, URISyntaxException {
    List<Path> seeds;
    try (Stream<Path> files =
        Files.list(Path.of(PictureSeedsTest.class.getResource(folder).toURI()))) {
      seeds = files.filter(Files::isRegularFile).toList();
    }
    assertFalse(seeds.isEmpty());
    PictureFuzz.fuzzerInitialize();
    for (Path seed : seeds) {
      PictureFuzz.fuzzerTestOneInput(Files.readAllBytes(seed));
    }
  }
}
