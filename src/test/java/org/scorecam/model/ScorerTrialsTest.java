package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.scorecam.Computation;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.error.InputException;
import org.scorecam.error.ModelException;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.error.PrecisionException;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;

/** Which of several ways to score is kept, and that nothing is left of the others. */
class ScorerTrialsTest {
  private static final InputShape SHAPE = InputShape.of(3, 8, 8);

  /** y = change(mean of x over each image), after a while that may be another in two first runs. */
  private static final class Fake extends NetworkScorer {
    private final long firstMillis;
    private final long millis;
    private final UnaryOperator<Tensor> change;
    private int runs;
    private int freed;

    Fake(long millis, UnaryOperator<Tensor> change) {
      this(millis, millis, change);
    }

    Fake(long firstMillis, long millis, UnaryOperator<Tensor> change) {
      super(Kind.plain(Precision.FLOAT32, Device.cpu()));
      this.firstMillis = firstMillis;
      this.millis = millis;
      this.change = change;
    }

    @Override
    ModelOutput run(Tensor chunk) {
      Computation.ofMillis((double) (runs++ < 2 ? firstMillis : millis));
      return ModelOutput.of(change.apply(chunk.mean(2, 3)).<Tensor>retainReference());
    }

    @Override
    void free() {
      freed++;
    }
  }

  private static Fake slow(UnaryOperator<Tensor> change) {
    return new Fake(40, change);
  }

  private static Fake fast(UnaryOperator<Tensor> change) {
    return new Fake(0, change);
  }

  private static NetworkScorer chosen(NetworkScorer... candidates) {
    return ScorerTrials.of(
        Stream.of(candidates).<Supplier<NetworkScorer>>map(one -> () -> one).toList(),
        SHAPE,
        Device.cpu());
  }

  private static void assertOnlyOpen(NetworkScorer open, Fake... all) {
    for (Fake each : all) {
      assertEquals(each == open ? 0 : 1, each.freed);
    }
  }

  @Test
  void theFastestIsKeptAndTheOthersAreClosed() {
    Fake first = slow(y -> y);
    Fake second = new Fake(20, y -> y.mul(new Scalar(1 + 1e-6)));
    Fake third = fast(y -> y);
    Fake fourth = slow(y -> y);
    assertSame(third, chosen(first, second, third, fourth));
    assertOnlyOpen(third, first, second, third, fourth);
  }

  @Test
  void theFirstIsKeptWhereTheOthersAreSlower() {
    Fake first = fast(y -> y);
    Fake second = slow(y -> y);
    assertSame(first, chosen(first, second));
    assertOnlyOpen(first, first, second);
  }

  @Test
  void oneThatPreparesItselfInItsFirstRunsMayBeTheFastest() {
    Fake first = slow(y -> y);
    Fake second = new Fake(200, 0, y -> y);
    assertSame(second, chosen(first, second));
    assertOnlyOpen(second, first, second);
  }

  @Test
  void whatIsHopelesslySlowIsSparedFurtherRuns() {
    Fake first = slow(y -> y);
    Fake second = new Fake(0, 200, y -> y);
    assertSame(first, chosen(first, second));
    assertOnlyOpen(first, first, second);
    // Two of them compare rows together with one alone; two to six count.
    assertTrue(first.runs >= 6 && first.runs <= 10, first.runs + " runs");
    assertEquals(4, second.runs);
  }

  @Test
  void othersThatComputeSomethingElseAreNotKept() {
    List<UnaryOperator<Tensor>> changes =
        List.of(
            y -> y.add(new Scalar(0.01)),
            y -> y.mul(new Scalar(Double.NaN)),
            y -> y.narrow(1, 0, 2),
            y -> y.neg());
    for (UnaryOperator<Tensor> change : changes) {
      Fake first = slow(y -> y);
      Fake other = fast(change);
      assertSame(first, chosen(first, other));
      assertOnlyOpen(first, first, other);
    }
  }

  @Test
  void othersThatFailAreNotKept() {
    Fake first = slow(y -> y);
    Fake other =
        fast(
            y -> {
              throw new IllegalStateException("no");
            });
    assertSame(first, chosen(first, other));
    assertOnlyOpen(first, first, other);
    Fake again = slow(y -> y);
    List<Supplier<NetworkScorer>> candidates =
        List.of(
            () -> again,
            () -> {
              throw new ModelException("cannot be made");
            });
    assertSame(again, ScorerTrials.of(candidates, SHAPE, Device.cpu()));
    assertOnlyOpen(again, again);
  }

  @Test
  void aNetworkThatCannotRunLeavesNothingOpen() {
    Fake first =
        fast(
            y -> {
              throw new IllegalStateException("no such size");
            });
    Fake other = fast(y -> y);
    InputException refusal = assertThrows(InputException.class, () -> chosen(first, other));
    assertTrue(
        refusal
            .getMessage()
            .contains("an input of shape [1, 3, 8, 8].\nLibTorch says: no such size"),
        refusal.getMessage());
    assertEquals(1, first.freed);
  }

  @Test
  void whatTakesTooMuchMemoryIsNotKept() {
    Fake first = slow(y -> y);
    Fake other =
        fast(
            y -> {
              throw new NativeMemoryException("out of memory");
            });
    assertSame(first, chosen(first, other));
    assertOnlyOpen(first, first, other);
  }

  @Test
  void fewerRowsAreTriedWhereMemoryIsShort() {
    List<Long> tried = new ArrayList<>();
    UnaryOperator<Tensor> upToOne =
        y -> {
          tried.add(y.size(0));
          if (y.size(0) > 1) {
            throw new NativeMemoryException("out of memory");
          }
          return y;
        };
    ScorerTrials.of(List.of(() -> fast(upToOne)), SHAPE, Device.cpu()).close();
    // One row shows what it takes; of four, two are timed.
    assertEquals(List.of(1L, 2L, 2L, 1L), tried.subList(0, 4));
    assertThrows(
        NativeMemoryException.class,
        () ->
            ScorerTrials.of(
                List.of(
                    () ->
                        fast(
                            y -> {
                              throw new NativeMemoryException("out of memory");
                            })),
                SHAPE,
                Device.cpu()));
  }

  @Test
  void noMoreRowsAreTriedThanMayFit() {
    DeviceMemory memory = DeviceMemory.of(Device.cpu());
    // A fifth of the memory for each row, which nobody writes to.
    long values = memory.available().orElse(0) / 5 / Float.BYTES;
    List<Long> tried = new ArrayList<>();
    UnaryOperator<Tensor> greedy =
        y -> {
          tried.add(y.size(0));
          torch.empty(y.size(0) * values).close();
          return y;
        };
    assumeTrue(
        values > 0 && memory.peakOf(() -> torch.empty(values).close()).isPresent(),
        "what tensors take is known of our own allocator alone");
    ScorerTrials.of(List.of(() -> fast(greedy)), SHAPE, Device.cpu()).close();
    assertEquals(2, tried.stream().mapToLong(rows -> rows).max().orElse(0));
  }

  @Test
  void trialsLeaveNothingBehind() {
    for (String name : List.of("tinyresnet", "tinydead", "tinytwohead")) {
      NativeObjects.assertNoneLeftBy(
          () -> {
            try (HookedModel model = Goldens.model(name + "_script.pt");
                Tensor input = Goldens.tensor(name + ".input.npy")) {
              InputShape shape = InputShape.ofRowsIn(input);
              model.scorer(Precision.FLOAT32, shape);
              model.scorer(Precision.BFLOAT16, shape);
            }
            try (HookedModel model = Goldens.model(name + "_script.pt")) {
              assertThrows(
                  InputException.class,
                  () -> model.scorer(Precision.FLOAT32, InputShape.of(99, 64, 64)));
              assertThrows(
                  PrecisionException.class,
                  () -> model.scorer(Precision.BFLOAT16, InputShape.of(99, 64, 64)));
            }
          });
    }
  }

  @Test
  void aPrecisionHasOneScorerForAllThreads() throws Exception {
    try (HookedModel model = Goldens.model("tinydead_script.pt");
        Tensor input = Goldens.tensor("tinydead.input.npy")) {
      InputShape shape = InputShape.ofRowsIn(input);
      int count = 4;
      CountDownLatch together = new CountDownLatch(count);
      ExecutorService threads = Executors.newFixedThreadPool(count);
      List<Future<Scorer>> found = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        found.add(
            threads.submit(
                () -> {
                  together.countDown();
                  together.await();
                  return model.scorer(Precision.FLOAT32, shape);
                }));
      }
      Scorer scorer = model.scorer(Precision.FLOAT32, shape);
      for (Future<Scorer> one : found) {
        assertSame(scorer, one.get());
      }
      threads.shutdown();
      Scorer reduced = model.scorer(Precision.BFLOAT16, shape);
      assertFalse(scorer == reduced);
      assertSame(reduced, model.scorer(Precision.BFLOAT16, shape));
      assertEquals(torch.ScalarType.BFloat16, reduced.dtype());
      assertTrue(reduced.description().startsWith("bfloat16, "), reduced.description());
    }
  }

  @Test
  void aClosedModelHasNoScorers() {
    HookedModel model = Goldens.model("tinydead_script.pt");
    try (Tensor input = Goldens.tensor("tinydead.input.npy")) {
      InputShape shape = InputShape.ofRowsIn(input);
      Scorer scorer = model.scorer(Precision.FLOAT32, shape);
      model.close();
      assertThrows(IllegalStateException.class, () -> scorer.score(input));
      assertThrows(IllegalStateException.class, () -> model.scorer(Precision.FLOAT32, shape));
    }
  }
}
