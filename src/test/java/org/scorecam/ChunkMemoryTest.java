package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.scorecam.model.HookedModel;

/** What chunks take in memory, from what a few took. */
class ChunkMemoryTest {
  private static final long CHANNELS = 3;
  private static final long SIDE = 64;
  private static final long ROW = CHANNELS * SIDE * SIDE * Float.BYTES;

  private final ChunkMemory memory = new ChunkMemory();
  private HookedModel model;

  @BeforeEach
  void load() {
    model = Goldens.model("tinyresnet_script.pt");
  }

  @AfterEach
  void close() {
    model.close();
  }

  private ChunkQuestion question(long height, long width, long budget) {
    return new ChunkQuestion(model.scorer(), model.device(), CHANNELS, height, width, budget);
  }

  private ChunkQuestion within(long budget) {
    return question(SIDE, SIDE, budget);
  }

  private ChunkQuestion unlimited() {
    return within(Long.MAX_VALUE);
  }

  @Test
  void estimatedWhereNothingWasMeasured() {
    long estimate = memory.bytes(unlimited(), 4);
    assertTrue(estimate > 4 * ROW, estimate + " bytes");
    assertEquals(2 * estimate, memory.bytes(unlimited(), 8));
    assertEquals(4, memory.possibleRows(within(estimate), 512));
    assertEquals(3, memory.possibleRows(within(estimate - 1), 512));
  }

  @Test
  void aMeasureOfLessThanTheInputsIsNone() {
    long estimate = memory.bytes(unlimited(), 4);
    assertEquals(estimate, memory.add(unlimited(), 4, OptionalLong.of(4 * ROW - 1)));
    assertEquals(estimate, new ChunkMemory().add(unlimited(), 4, OptionalLong.empty()));
    assertEquals(4 * ROW, new ChunkMemory().add(unlimited(), 4, OptionalLong.of(4 * ROW)));
  }

  @Test
  void inProportionToTheOnlyOneThatWasMeasured() {
    memory.add(unlimited(), 4, OptionalLong.of(40 * ROW));
    assertEquals(10 * ROW, memory.bytes(unlimited(), 1));
    assertEquals(160 * ROW, memory.bytes(unlimited(), 16));
  }

  @Test
  void onALineThroughTheSmallestAndTheLargest() {
    // 20 whatever the rows, and 5 for each.
    memory.add(unlimited(), 4, OptionalLong.of(40 * ROW));
    memory.add(unlimited(), 8, OptionalLong.of(70 * ROW));
    memory.add(unlimited(), 16, OptionalLong.of(100 * ROW));
    assertEquals(40 * ROW, memory.bytes(unlimited(), 4));
    assertEquals(60 * ROW, memory.bytes(unlimited(), 8));
    assertEquals(180 * ROW, memory.bytes(unlimited(), 32));
    assertEquals(32, memory.possibleRows(within(180 * ROW), 512));
    assertEquals(31, memory.possibleRows(within(180 * ROW - 1), 512));
    assertEquals(12, memory.possibleRows(unlimited(), 12));
  }

  @Test
  void neverLessThanTheInputs() {
    // The line would be below 0 for one row.
    memory.add(unlimited(), 4, OptionalLong.of(5 * ROW));
    memory.add(unlimited(), 8, OptionalLong.of(100 * ROW));
    assertEquals(ROW, memory.bytes(unlimited(), 1));
  }

  @Test
  void rowsOfDifferentSizesCountByTheirPixels() {
    memory.add(unlimited(), 4, OptionalLong.of(40 * ROW));
    memory.add(question(SIDE, 3 * SIDE / 2, Long.MAX_VALUE), 8, OptionalLong.of(80 * ROW));
    // 4 and 12 rows of the first size.
    assertEquals(60 * ROW, memory.bytes(unlimited(), 8));
    assertEquals(60 * ROW, memory.bytes(question(2 * SIDE, SIDE, Long.MAX_VALUE), 4));
  }

  @Test
  void halfOfWhatDidNotFit() {
    assertEquals(Long.MAX_VALUE, memory.fittingRows(unlimited()));
    memory.tooMany(unlimited(), 24);
    memory.tooMany(unlimited(), 48);
    assertEquals(12, memory.fittingRows(unlimited()));
    assertEquals(12, memory.possibleRows(unlimited(), 512));
    assertEquals(6, memory.fittingRows(question(2 * SIDE, SIDE, Long.MAX_VALUE)));
    memory.tooMany(unlimited(), 1);
    assertEquals(1, memory.possibleRows(unlimited(), 512));
  }

  @Test
  void atLeastOneRowWhateverTheBudget() {
    assertEquals(1, memory.possibleRows(within(1), 512));
  }
}
