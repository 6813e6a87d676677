package org.scorecam.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.scorecam.Goldens.assertClose;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Computation;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.WatchedModel;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.InputShape;
import org.scorecam.model.Precision;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.tensor.Tensors;

/** How many masked inputs a chunk has, and what is done when they do not fit. */
class ChunksTest {
  private static final double TOLERANCE = 1e-5;
  private static final Target TARGET = Target.ofClass(3);
  private static final int CHANNELS = 64;
  private static final long UNLIMITED = Long.MAX_VALUE;

  private WatchedModel model;
  private Tensor input;

  @BeforeEach
  void load() {
    model = new WatchedModel(Goldens.model("tinyresnet_script.pt"));
    input = Goldens.tensor("tinyresnet.input.npy");
  }

  @AfterEach
  void close() {
    input.close();
    model.close();
  }

  private ScoreCam.Builder cam() {
    return ScoreCam.on(model).layer("layer3");
  }

  private float[] mapOf(ScoreCam cam) {
    try (Saliency saliency = cam.explain(input, TARGET)) {
      return Tensors.toArray(saliency.tensor());
    }
  }

  private float[] expected() {
    try (ScoreCam plain = cam().batch(8).build()) {
      float[] map = mapOf(plain);
      model.chunks.clear();
      return map;
    }
  }

  /** Makes a chunk take its own time and that of its rows. */
  private void takeMillis(double perChunk, double perRow) {
    model.beforeChunk = rows -> Computation.ofMillis(perChunk + rows * perRow);
  }

  /** A plan for more passes than a layer of 64 channels has. */
  private ChunkPlan planFor(long passes, long memory) {
    return planFor(InputShape.of(3, 64, 64), passes, memory);
  }

  private ChunkPlan planFor(InputShape shape, long passes, long memory) {
    try (PassScoring scoring =
        new PassScoring(model, Optional.of(Precision.FLOAT32), ScoreCam.on(model).memory(memory))) {
      return scoring.plan(shape, passes);
    }
  }

  @Test
  void chunksGrowForAsLongAsThatIsFaster() {
    takeMillis(64, 0.01);
    ChunkPlan plan = planFor(512, UNLIMITED);
    assertEquals(List.of(8L, 16L), plan.probes().stream().map(ChunkPlan.Probe::rows).toList());
    assertTrue(plan.rows() >= 16, plan.toString());
    assertEquals(ChunkPlan.Basis.PROBED, plan.basis());
    // More passes pay for more: but what was measured is not measured again.
    model.chunks.clear();
    assertTrue(planFor(4096, UNLIMITED).rows() > 64);
    assertEquals(32, model.chunks.get(0));
  }

  @Test
  void theSmallestOfEquallyFastChunksIsTaken() {
    takeMillis(0, 40);
    ChunkPlan plan = planFor(100_000, UNLIMITED);
    assertEquals(8, plan.rows(), plan.probes().toString());
    assertEquals(2, plan.probes().size());
  }

  @Test
  void aProbeTakesALittlePartOfAnExplanation() {
    takeMillis(20, 0.01);
    planFor(512, UNLIMITED);
    long rows = model.chunks.stream().mapToLong(Long::longValue).sum();
    assertTrue(rows <= 512 / 8 + 8, rows + " rows were run");
    model.chunks.clear();
    assertEquals(512, spreadOver(planFor(512, UNLIMITED).rows(), 512));
    assertEquals(List.of(), model.chunks);
  }

  private static long spreadOver(long rows, long passes) {
    return (passes + rows - 1) / rows * rows;
  }

  @Test
  void threadsMeasureOnce() throws InterruptedException {
    takeMillis(2, 0.01);
    List<ChunkPlan> plans = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      Thread thread =
          new Thread(
              () -> {
                ChunkPlan plan = planFor(512, UNLIMITED);
                synchronized (plans) {
                  plans.add(plan);
                }
              });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertEquals(4, plans.size());
    assertEquals(1, plans.stream().distinct().count(), plans.toString());
    List<Long> sizes = new ArrayList<>(model.chunks);
    assertEquals(sizes.stream().sorted().toList(), sizes, "two threads measured in turns");
  }

  @Test
  void inputsOfNearlyTheSameSizeShareWhatWasMeasured() {
    takeMillis(1, 0.01);
    planFor(512, UNLIMITED);
    model.chunks.clear();
    planFor(InputShape.of(3, 70, 80), 512, UNLIMITED);
    assertEquals(List.of(), model.chunks);
    planFor(InputShape.of(3, 128, 128), 512, UNLIMITED);
    assertFalse(model.chunks.isEmpty());
  }

  @Test
  void theBudgetLimitsTheRows() {
    takeMillis(20, 0.01);
    ChunkPlan free = planFor(512, UNLIMITED);
    long perRow = 3 * 64 * 64 * 4;
    ChunkPlan tight = planFor(512, 2 * perRow);
    assertTrue(tight.rows() < free.rows(), tight + " with a budget, " + free + " without");
    assertTrue(tight.rows() >= 1 && tight.rows() <= 2, tight.toString());
    assertEquals(ChunkPlan.Basis.REDUCED, tight.basis());
    float[] expected = expected();
    try (ScoreCam cam = cam().memory(2 * perRow).build()) {
      assertClose(expected, mapOf(cam), TOLERANCE);
    }
    assertThrows(IllegalArgumentException.class, () -> cam().memory(0));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 32, 64, 100})
  void aGivenBatchIsTakenAsItIs(int rows) {
    try (ScoreCam cam = cam().batch(rows).build();
        Saliency saliency = cam.explain(input, TARGET)) {
      int exactly = Math.min(rows, CHANNELS);
      assertEquals(exactly, saliency.plan().rows());
      assertEquals(ChunkPlan.Basis.GIVEN, saliency.plan().basis());
      assertEquals(List.of((long) exactly), model.chunks.stream().distinct().toList());
      assertEquals((CHANNELS + exactly - 1) / exactly, model.chunks.size());
    }
  }

  @Test
  void fewChannelsAreOneChunkOfTheirOwnSize() {
    try (ScoreCam cam = cam().channels(ChannelSelection.topMax(5)).build();
        Saliency saliency = cam.explain(input, TARGET)) {
      // The first shows what a row takes.
      assertEquals(List.of(1L, 5L), model.chunks);
      assertEquals(5, saliency.plan().rows());
      assertEquals(ChunkPlan.Basis.FITTED, saliency.plan().basis());
    }
  }

  @Test
  void chunksFitTheMemoryOfANetworkThatTakesFarMoreThanOthers() {
    long ofRow = 64L << 20;
    model.beforeChunk = rows -> torch.empty(rows * ofRow / Float.BYTES).close();
    assumeTrue(
        DeviceMemory.of(Device.cpu()).peakOf(() -> model.beforeChunk.accept(1L)).isPresent(),
        "what tensors take is known of our own allocator alone");
    try (ScoreCam cam = cam().memory(5 * ofRow).workers(1).build();
        Saliency saliency = cam.explain(input, TARGET)) {
      long rows = saliency.plan().rows();
      assertTrue(rows >= 4 && rows <= 5, saliency.plan().toString());
      assertEquals(ChunkPlan.Basis.REDUCED, saliency.plan().basis());
      assertEquals(List.of(1L, rows), model.chunks.stream().distinct().toList());
    }
  }

  @Test
  void theShapeIsTheSameForEveryImage() {
    try (WatchedModel dead = new WatchedModel(Goldens.model("tinydead_script.pt"));
        ScoreCam cam = ScoreCam.on(dead).layer("relu").build()) {
      ChunkPlan plan = cam.warmUp(3, 64, 64);
      dead.chunks.clear();
      TreeSet<Long> passes = new TreeSet<>();
      for (int i = 0; i < 4; i++) {
        float[] values = new float[3 * 64 * 64];
        for (int j = 0; j < i * values.length / 4; j++) {
          values[j] = (j * 31 % 17) / 17f;
        }
        try (Tensor image = Tensors.of(values, 1, 3, 64, 64);
            Saliency saliency = cam.explain(image, Target.top1())) {
          passes.add(saliency.status().passes());
        }
      }
      assertTrue(passes.size() > 1, "the images have as many different masks: " + passes);
      assertEquals(List.of(plan.rows()), dead.chunks.stream().distinct().toList());
    }
  }

  @Test
  void warmingUpLeavesNothingToPrepare() {
    try (ScoreCam cam = cam().build()) {
      ChunkPlan plan = cam.warmUp(3, 64, 64);
      model.chunks.clear();
      ChunkPlan again = cam.warmUp(3, 64, 64);
      assertEquals(plan, again);
      assertEquals(List.of(plan.rows()), model.chunks);
      model.chunks.clear();
      try (Saliency saliency = cam.explain(input, TARGET)) {
        assertEquals(plan, saliency.plan());
        assertEquals(List.of(plan.rows()), model.chunks.stream().distinct().toList());
      }
      assertThrows(InputException.class, () -> cam.warmUp(1, 64, 64));
      NativeObjects.assertNoneLeftBy(() -> cam.warmUp(3, 64, 64));
    }
    ScoreCam closed = cam().build();
    closed.close();
    assertThrows(IllegalStateException.class, () -> closed.warmUp(3, 64, 64));
  }

  @Test
  void warmingUpFindsTheRowsThatFit() {
    model.beforeChunk = WatchedModel.noMemoryAbove(10);
    try (ScoreCam cam = cam().batch(24).build()) {
      ChunkPlan plan = cam.warmUp(3, 64, 64);
      assertEquals(List.of(24L, 12L, 6L), model.chunks);
      assertEquals(6, plan.rows());
      assertEquals(ChunkPlan.Basis.REDUCED, plan.basis());
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 3, 10})
  void chunksThatDoNotFitAreHalvedAndNothingIsLost(long fitting) {
    float[] expected = expected();
    List<Long> done = new ArrayList<>();
    try (ScoreCam cam = cam().batch(24).progress((scored, total) -> done.add(scored)).build()) {
      // Memory gets short after the first chunk.
      model.beforeChunk =
          rows -> WatchedModel.noMemoryAbove(done.isEmpty() ? 24 : fitting).accept(rows);
      try (Saliency saliency = cam.explain(input, TARGET)) {
        assertClose(expected, Tensors.toArray(saliency.tensor()), TOLERANCE);
        assertEquals(CHANNELS, saliency.status().passes());
        assertEquals(ChunkPlan.Basis.REDUCED, saliency.plan().basis());
        assertTrue(saliency.plan().rows() <= fitting);
      }
      assertEquals(24, done.get(0), "what was scored stays scored");
      assertEquals(done.stream().sorted().distinct().toList(), done);
      assertEquals(CHANNELS, done.get(done.size() - 1));
      // The next one does not try again, nor does another explainer on the same network.
      model.chunks.clear();
      mapOf(cam);
      assertTrue(model.chunks.stream().allMatch(rows -> rows <= fitting), "" + model.chunks);
      model.chunks.clear();
      try (ScoreCam other = cam().build()) {
        assertClose(expected, mapOf(other), TOLERANCE);
      }
      assertTrue(model.chunks.stream().allMatch(rows -> rows <= fitting), "" + model.chunks);
    }
  }

  @Test
  void aProbeThatDoesNotFitIsTheEndOfProbing() {
    takeMillis(5, 0.01);
    var slow = model.beforeChunk;
    model.beforeChunk = slow.andThen(WatchedModel.noMemoryAbove(9));
    ChunkPlan plan = planFor(100_000, UNLIMITED);
    assertEquals(List.of(8L), plan.probes().stream().map(ChunkPlan.Probe::rows).toList());
    assertEquals(8, plan.rows());
  }

  @Test
  void oneRowThatDoesNotFitIsAnErrorWithItsShape() {
    model.beforeChunk = WatchedModel.noMemoryAbove(0);
    try (ScoreCam cam = cam().build()) {
      String message =
          assertThrows(NativeMemoryException.class, () -> cam.explain(input, TARGET)).getMessage();
      assertTrue(message.contains("[1, 3, 64, 64]"), message);
      assertTrue(message.contains("memory of cpu"), message);
      assertTrue(message.contains("can't allocate memory"), message);
      assertThrows(NativeMemoryException.class, () -> cam.warmUp(3, 64, 64));
      NativeObjects.assertNoneLeftBy(
          () -> assertThrows(NativeMemoryException.class, () -> cam.explain(input, TARGET)));
    }
  }

  @Test
  void imagesThatDoNotFitTogetherAreExplainedInParts() {
    List<Target> targets = List.of(TARGET, Target.top1(), Target.ofClass(1));
    try (Tensor inputs = Goldens.tensor("tinyresnet.batch.input.npy");
        ScoreCam cam = cam().batch(8).build()) {
      List<Saliency> expected = cam.explainBatch(inputs, targets);
      List<Long> tried = new ArrayList<>();
      model.beforeCapture =
          images -> {
            tried.add(images);
            WatchedModel.noMemoryAbove(1).accept(images);
          };
      List<Saliency> actual = cam.explainBatch(inputs, targets);
      assertEquals(List.of(3L, 1L, 2L, 1L, 1L), tried);
      for (int i = 0; i < 3; i++) {
        assertClose(expected.get(i).tensor(), actual.get(i).tensor(), TOLERANCE);
        expected.get(i).close();
        actual.get(i).close();
      }
    }
  }

  @Test
  void mapsOfTheHalfThatWasExplainedAreFreedIfTheOtherCannotBe() {
    List<Target> targets = List.of(TARGET, Target.top1(), Target.ofClass(1));
    try (Tensor inputs = Goldens.tensor("tinyresnet.batch.input.npy");
        ScoreCam cam = cam().batch(8).build()) {
      // How many images share a first pass is known when one was explained.
      mapOf(cam);
      List<Long> tried = new ArrayList<>();
      model.beforeCapture =
          images -> {
            tried.add(images);
            // The first image fits, and then nothing does.
            WatchedModel.noMemoryAbove(tried.size() == 2 ? 1 : 0).accept(images);
          };
      NativeObjects.assertNoneLeftBy(
          () -> {
            tried.clear();
            assertThrows(NativeMemoryException.class, () -> cam.explainBatch(inputs, targets));
            assertEquals(List.of(3L, 1L, 2L, 1L), tried);
          });
    }
  }
}
