package org.scorecam.scoring;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.WatchedModel;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.runtime.LibTorch;
import org.scorecam.tensor.Tensors;

/** Chunks that are scored beside each other. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class WorkersTest {
  private static final Target TARGET = Target.ofClass(3);
  private static final int CHANNELS = 64;

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
    return ScoreCam.on(model).layer("layer3").batch(8);
  }

  private float[] mapOf(ScoreCam cam) {
    try (Saliency saliency = cam.explain(input, TARGET)) {
      return Tensors.toArray(saliency.tensor());
    }
  }

  private float[] expected() {
    try (ScoreCam alone = cam().workers(1).build()) {
      return mapOf(alone);
    }
  }

  private static List<Thread> workers() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("scorecam-worker-"))
        .toList();
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 20})
  void theMapIsTheSameForAnyNumber(int workers) {
    float[] expected = expected();
    Set<Thread> threads = Collections.synchronizedSet(new HashSet<>());
    model.beforeChunk = rows -> threads.add(Thread.currentThread());
    try (ScoreCam cam = cam().workers(workers).build();
        Saliency saliency = cam.explain(input, TARGET)) {
      assertArrayEquals(expected, Tensors.toArray(saliency.tensor()));
      // No more than there are chunks.
      assertEquals(Math.min(workers, CHANNELS / 8), saliency.plan().workers());
      assertTrue(
          saliency.plan().toString().contains(saliency.plan().workers() + " workers with 8"));
    }
    assertTrue(threads.stream().allMatch(Thread::isDaemon));
    assertTrue(
        threads.stream().allMatch(thread -> thread.getName().startsWith("scorecam-worker-")));
    assertTrue(threads.size() <= Math.min(workers, CHANNELS / 8), threads::toString);
  }

  @Test
  void inputsAndLayersShareTheWorkersChunks() {
    List<Target> targets = List.of(TARGET, Target.top1(), Target.ofClass(1));
    try (Tensor inputs = Goldens.tensor("tinyresnet.batch.input.npy");
        ScoreCam alone = cam().layer("layer2").workers(1).batch(7).build();
        ScoreCam beside = cam().layer("layer2").workers(3).batch(7).build()) {
      List<List<Saliency>> expected = alone.explainBatchLayers(inputs, targets);
      List<List<Saliency>> actual = beside.explainBatchLayers(inputs, targets);
      for (int i = 0; i < targets.size(); i++) {
        for (int layer = 0; layer < 2; layer++) {
          try (Saliency first = expected.get(i).get(layer);
              Saliency second = actual.get(i).get(layer)) {
            assertArrayEquals(first.scores(), second.scores());
            assertArrayEquals(Tensors.toArray(first.tensor()), Tensors.toArray(second.tensor()));
          }
        }
      }
      NativeObjects.assertNoneLeftBy(
          () ->
              beside
                  .explainBatchLayers(inputs, targets)
                  .forEach(all -> all.forEach(Saliency::close)));
    }
  }

  @Test
  void withoutAGivenBatchAllWorkersHaveAChunk() {
    float[] expected = expected();
    try (ScoreCam cam = ScoreCam.on(model).layer("layer3").workers(3).build();
        Saliency saliency = cam.explain(input, TARGET)) {
      assertEquals(3, saliency.plan().workers());
      long rounds = (CHANNELS + 3 * saliency.plan().rows() - 1) / (3 * saliency.plan().rows());
      assertTrue(
          3 * rounds * saliency.plan().rows() < CHANNELS + 3 * rounds, saliency.plan()::toString);
      assertClose(expected, Tensors.toArray(saliency.tensor()), 1e-6);
    }
    try (ScoreCam few =
            ScoreCam.on(model)
                .layer("layer3")
                .channels(ChannelSelection.topMax(5))
                .workers(3)
                .build();
        Saliency saliency = few.explain(input, TARGET)) {
      assertEquals(1, saliency.plan().workers(), "too few to be shared");
    }
  }

  @Test
  void theMemoryIsForAllWorkersTogether() {
    long perRow = 3 * 64 * 64 * Float.BYTES;
    try (ScoreCam cam = ScoreCam.on(model).layer("layer3").workers(4).memory(6 * perRow).build();
        Saliency saliency = cam.explain(input, TARGET)) {
      ChunkPlan plan = saliency.plan();
      assertEquals(ChunkPlan.Basis.REDUCED, plan.basis());
      assertTrue(plan.workers() * plan.rows() <= 6, plan::toString);
    }
  }

  @Test
  void progressIsToldByTheCallerAfterEachChunk() {
    List<Long> told = new ArrayList<>();
    Set<Thread> tellers = new HashSet<>();
    try (ScoreCam cam =
        cam()
            .workers(3)
            .progress(
                (scored, total) -> {
                  assertEquals(CHANNELS, total);
                  told.add(scored);
                  tellers.add(Thread.currentThread());
                })
            .build()) {
      mapOf(cam);
    }
    assertEquals(List.of(8L, 16L, 24L, 32L, 40L, 48L, 56L, 64L), told);
    assertEquals(Set.of(Thread.currentThread()), tellers);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 3, 10})
  void chunksThatDoNotFitAreHalvedAndNothingIsLost(long fitting) {
    float[] expected = expected();
    List<Long> told = new ArrayList<>();
    try (ScoreCam cam =
        cam().batch(24).workers(2).progress((scored, total) -> told.add(scored)).build()) {
      AtomicInteger begun = new AtomicInteger();
      // Memory gets short after the first chunk.
      model.beforeChunk =
          rows ->
              WatchedModel.noMemoryAbove(begun.getAndIncrement() == 0 ? 24 : fitting).accept(rows);
      try (Saliency saliency = cam.explain(input, TARGET)) {
        assertClose(expected, Tensors.toArray(saliency.tensor()), 1e-6);
        assertEquals(ChunkPlan.Basis.REDUCED, saliency.plan().basis());
        assertTrue(saliency.plan().rows() <= fitting);
      }
      assertEquals(24, told.get(0), "what was scored stays scored");
      assertEquals(told.stream().sorted().distinct().toList(), told);
      assertEquals(CHANNELS, told.get(told.size() - 1));
    }
  }

  @Test
  void whereNotEvenOneRowFitsBesideAnotherOneWorkerIsLeft() {
    float[] expected = expected();
    AtomicInteger running = new AtomicInteger();
    model.beforeChunk =
        rows -> {
          try {
            if (running.incrementAndGet() > 1 || rows > 1) {
              WatchedModel.noMemoryAbove(0).accept(rows);
            }
            Thread.sleep(2);
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          } finally {
            running.decrementAndGet();
          }
        };
    try (ScoreCam cam = cam().workers(2).build();
        Saliency saliency = cam.explain(input, TARGET)) {
      assertClose(expected, Tensors.toArray(saliency.tensor()), 1e-6);
      assertEquals(1, saliency.plan().rows());
    }
    model.beforeChunk = WatchedModel.noMemoryAbove(0);
    try (ScoreCam cam = cam().workers(2).build()) {
      assertThrows(NativeMemoryException.class, () -> mapOf(cam));
    }
  }

  @Test
  void anExceptionInOneWorkerStopsTheOthersAndIsTheCallers() {
    float[] expected = expected();
    InputException thrown = new InputException("a chunk that nobody likes");
    AtomicInteger begun = new AtomicInteger();
    model.beforeChunk =
        rows -> {
          if (begun.getAndIncrement() == 2) {
            throw thrown;
          }
        };
    try (ScoreCam cam = cam().batch(1).workers(2).build()) {
      assertSame(thrown, assertThrows(InputException.class, () -> mapOf(cam)));
      assertTrue(begun.get() < 10, begun + " chunks were begun");
      NativeObjects.assertNoneLeftBy(
          () -> {
            begun.set(0);
            assertThrows(InputException.class, () -> mapOf(cam));
          });
      begun.set(3);
      assertClose(expected, mapOf(cam), 1e-6);
    }
  }

  @Test
  void aListenersExceptionIsTheCallers() {
    IllegalStateException thrown = new IllegalStateException("enough");
    try (ScoreCam cam =
        cam()
            .workers(2)
            .progress(
                (scored, total) -> {
                  throw thrown;
                })
            .build()) {
      assertSame(thrown, assertThrows(IllegalStateException.class, () -> mapOf(cam)));
    }
  }

  @Test
  void anInterruptEndsNothingAndStays() {
    float[] expected = expected();
    try (ScoreCam cam = cam().workers(2).build()) {
      Thread.currentThread().interrupt();
      assertArrayEquals(expected, mapOf(cam));
      assertTrue(Thread.interrupted());
    }
  }

  @Test
  void callersShareTheWorkers() throws Exception {
    float[] expected = expected();
    AtomicInteger running = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    try (ScoreCam cam = cam().batch(4).workers(2).build()) {
      model.beforeChunk =
          rows -> {
            most.accumulateAndGet(running.incrementAndGet(), Math::max);
            try {
              Thread.sleep(1);
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            } finally {
              running.decrementAndGet();
            }
          };
      ConcurrentLinkedQueue<float[]> maps = new ConcurrentLinkedQueue<>();
      List<Thread> callers = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        Thread caller = new Thread(() -> maps.add(mapOf(cam)));
        caller.start();
        callers.add(caller);
      }
      for (Thread caller : callers) {
        caller.join();
      }
      assertEquals(4, maps.size());
      maps.forEach(map -> assertClose(expected, map, 1e-6));
      assertTrue(most.get() <= 2, most + " chunks at a time");
    }
  }

  @Test
  void callersMayHaveWorkersOfTheirOwn() throws Exception {
    float[] expected = expected();
    CountDownLatch ofBoth = new CountDownLatch(4);
    AtomicInteger running = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    model.beforeChunk =
        rows -> {
          most.accumulateAndGet(running.incrementAndGet(), Math::max);
          ofBoth.countDown();
          try {
            assertTrue(ofBoth.await(20, TimeUnit.SECONDS), "fewer than two for each of two");
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          } finally {
            running.decrementAndGet();
          }
        };
    try (ScoreCam cam = cam().batch(4).workers(2, 2).build()) {
      ConcurrentLinkedQueue<float[]> maps = new ConcurrentLinkedQueue<>();
      List<Thread> callers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        Thread caller = new Thread(() -> maps.add(mapOf(cam)));
        caller.start();
        callers.add(caller);
      }
      for (Thread caller : callers) {
        caller.join();
      }
      assertEquals(3, maps.size());
      maps.forEach(map -> assertClose(expected, map, 1e-6));
      assertEquals(4, most.get());
      assertEquals(2, cam.warmUp(3, 64, 64).workers(), "of each");
    }
    assertThrows(IllegalArgumentException.class, () -> cam().workers(2, 0));
    assertThrows(IllegalArgumentException.class, () -> cam().workers(0, 2));
  }

  @Test
  void aTargetMayExplainSomethingItself() {
    float[] expected = expected();
    try (ScoreCam inner = cam().workers(2).build();
        ScoreCam outer = cam().batch(32).workers(2).build()) {
      Target asking =
          Target.of(
              output -> {
                assertArrayEquals(expected, mapOf(inner));
                return output.select(1, 3);
              });
      try (Saliency saliency = outer.explain(input, asking)) {
        assertClose(expected, Tensors.toArray(saliency.tensor()), 1e-6);
      }
    }
  }

  @Test
  void anOperationHasAShareOfTheThreadsAndOthersKeepTheirs() {
    int before = LibTorch.threads();
    int ofThisThread = torch.get_num_threads();
    Set<Integer> seen = Collections.synchronizedSet(new HashSet<>());
    model.beforeChunk = rows -> seen.add(torch.get_num_threads());
    LibTorch.setThreads(4);
    try (ScoreCam cam = cam().workers(2).build()) {
      mapOf(cam);
      assertEquals(Set.of(2), seen);
      assertEquals(ofThisThread, torch.get_num_threads());
    } finally {
      LibTorch.setThreads(before);
    }
  }

  @Test
  void warmingUpGivesEachWorkerAChunk() {
    try (ScoreCam cam = cam().workers(2).build()) {
      CountDownLatch both = new CountDownLatch(2);
      model.beforeChunk =
          rows -> {
            both.countDown();
            try {
              assertTrue(both.await(20, TimeUnit.SECONDS), "one after the other");
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            }
          };
      assertEquals(2, cam.warmUp(3, 64, 64).workers());
      assertEquals(List.of(8L, 8L), model.chunks);
    }
  }

  @Test
  void theThreadsEndWithTheLastExplainer() throws InterruptedException {
    ScoreCam first = cam().workers(2).build();
    ScoreCam second = cam().workers(2).build();
    mapOf(first);
    mapOf(second);
    List<Thread> idle = workers();
    assertTrue(idle.size() >= 2, idle::toString);
    first.close();
    first.close();
    assertTrue(idle.stream().allMatch(Thread::isAlive), "one is still open");
    mapOf(second);
    second.close();
    for (Thread each : idle) {
      each.join(20_000);
      assertTrue(!each.isAlive(), each::toString);
    }
    // And another explainer has new ones.
    float[] expected = expected();
    try (ScoreCam third = cam().workers(2).build()) {
      assertArrayEquals(expected, mapOf(third));
    }
    assertThrows(IllegalArgumentException.class, () -> cam().workers(0));
  }
}
