package org.scorecam.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.scorecam.Goldens;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.runtime.Findings;

/** What chunks take in memory, from what a few took. */
class ChunkRowsTest {
  private static final long CHANNELS = 3;
  private static final long SIDE = 64;
  private static final long ROW = CHANNELS * SIDE * SIDE * Float.BYTES;

  private HookedModel model;
  private long now;
  private final ChunkRows memory = newRows();

  @BeforeEach
  void load() {
    model = Goldens.model("tinyresnet_script.pt");
  }

  @AfterEach
  void close() {
    model.close();
  }

  private ChunkRows newRows() {
    return new ChunkRows(() -> now);
  }

  private ChunkRows.Request request(long height, long width, long budget) {
    return request(height, width, 1, budget);
  }

  private ChunkRows.Request request(long height, long width, int workers, long budget) {
    return new ChunkRows.Request(
        model.scorer(),
        Findings.none(),
        model.device(),
        InputShape.of(CHANNELS, height, width),
        workers,
        true,
        budget);
  }

  private ChunkRows.Request within(long budget) {
    return request(SIDE, SIDE, budget);
  }

  private ChunkRows.Request unlimited() {
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
  void asManyWorkersAsHaveMemoryForARowEach() {
    memory.measured(unlimited(), 1, OptionalLong.of(10 * ROW));
    assertEquals(4, memory.unprepared(request(SIDE, SIDE, 4, 40 * ROW), 8).workers());
    assertEquals(2, memory.unprepared(request(SIDE, SIDE, 4, 39 * ROW), 8).workers());
    assertEquals(1, memory.unprepared(request(SIDE, SIDE, 4, ROW), 8).workers());
  }

  @Test
  void aMeasureOfLessThanTheInputsIsNone() {
    long estimate = memory.bytes(unlimited(), 4);
    assertEquals(estimate, memory.measured(unlimited(), 4, OptionalLong.of(4 * ROW - 1)));
    assertEquals(estimate, newRows().measured(unlimited(), 4, OptionalLong.empty()));
    assertEquals(4 * ROW, newRows().measured(unlimited(), 4, OptionalLong.of(4 * ROW)));
  }

  @Test
  void inProportionToTheOnlyOneThatWasMeasured() {
    memory.measured(unlimited(), 4, OptionalLong.of(40 * ROW));
    assertEquals(10 * ROW, memory.bytes(unlimited(), 1));
    assertEquals(160 * ROW, memory.bytes(unlimited(), 16));
  }

  @Test
  void onALineThroughTheSmallestAndTheLargest() {
    // 20 whatever the rows, and 5 for each.
    memory.measured(unlimited(), 4, OptionalLong.of(40 * ROW));
    memory.measured(unlimited(), 8, OptionalLong.of(70 * ROW));
    memory.measured(unlimited(), 16, OptionalLong.of(100 * ROW));
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
    memory.measured(unlimited(), 4, OptionalLong.of(5 * ROW));
    memory.measured(unlimited(), 8, OptionalLong.of(100 * ROW));
    assertEquals(ROW, memory.bytes(unlimited(), 1));
  }

  @Test
  void rowsOfDifferentSizesCountByTheirPixels() {
    memory.measured(unlimited(), 4, OptionalLong.of(40 * ROW));
    memory.measured(request(SIDE, 3 * SIDE / 2, Long.MAX_VALUE), 8, OptionalLong.of(80 * ROW));
    // 4 and 12 rows of the first size.
    assertEquals(60 * ROW, memory.bytes(unlimited(), 8));
    assertEquals(60 * ROW, memory.bytes(request(2 * SIDE, SIDE, Long.MAX_VALUE), 4));
  }

  @Test
  void halfOfWhatDidNotFit() {
    assertEquals(Long.MAX_VALUE, memory.fittingRows(unlimited()));
    memory.tooMany(unlimited(), 24);
    memory.tooMany(unlimited(), 48);
    assertEquals(12, memory.fittingRows(unlimited()));
    assertEquals(12, memory.possibleRows(unlimited(), 512));
    assertEquals(6, memory.fittingRows(request(2 * SIDE, SIDE, Long.MAX_VALUE)));
    memory.tooMany(unlimited(), 1);
    assertEquals(1, memory.possibleRows(unlimited(), 512));
  }

  @Test
  void whatDidNotFitIsForgottenAfterAWhile() {
    memory.tooMany(unlimited(), 24);
    now += 59_000_000_000L;
    assertEquals(12, memory.fittingRows(unlimited()));
    // The last failure counts.
    memory.tooMany(unlimited(), 48);
    now += 59_000_000_000L;
    assertEquals(12, memory.fittingRows(unlimited()));
    now += 2_000_000_000L;
    assertEquals(Long.MAX_VALUE, memory.fittingRows(unlimited()));
    // And nothing of what was before it.
    memory.tooMany(unlimited(), 48);
    assertEquals(24, memory.fittingRows(unlimited()));
  }

  @Test
  void atLeastOneRowWhateverTheBudget() {
    assertEquals(1, memory.possibleRows(within(1), 512));
  }
}
