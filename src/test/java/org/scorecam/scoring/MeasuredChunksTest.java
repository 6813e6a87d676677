package org.scorecam.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.scoring.MeasuredChunks.Trial;

/** What was measured of chunks, as text and back. */
class MeasuredChunksTest {
  @Test
  void isReadAsItWasWritten() {
    List<Trial> chunks =
        List.of(
            new Trial(8, 50176, 7.25, 58_000_000),
            new Trial(16, 50176, 1.2345678901234567E-4, 1L << 40),
            new Trial(512, 1, 123456789.125, 1));
    for (boolean settled : new boolean[] {false, true}) {
      for (boolean together : new boolean[] {false, true}) {
        for (int count = 1; count <= chunks.size(); count++) {
          MeasuredChunks measured = new MeasuredChunks(chunks.subList(0, count), settled, together);
          assertEquals(Optional.of(measured), MeasuredChunks.parse(measured.toString()));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "8 rows of 4 pixels: 1.0 ms",
        "8 rows of 4 pixels: 1.0 ms, 5 bytes; ",
        "8 rows of 4 pixels: NaN ms, 5 bytes",
        "8 rows of 4 pixels: 0.0 ms, 5 bytes",
        "0 rows of 4 pixels: 1.0 ms, 5 bytes",
        "8 rows of 0 pixels: 1.0 ms, 5 bytes",
        "8 rows of 4 pixels: 1.0 ms, 99999999999999999999 bytes",
        "8 rows of 4 pixels: 1.0 ms, 5 bytes; 8 rows of 4 pixels: 1.0 ms, 5 bytes",
        "8 rows of 4 pixels: 1.0 ms, 5 bytes; all threads together; larger ones are not faster",
        "; all threads together",
      })
  void anythingElseIsNotUnderstood(String text) {
    assertEquals(Optional.empty(), MeasuredChunks.parse(text));
  }
}
