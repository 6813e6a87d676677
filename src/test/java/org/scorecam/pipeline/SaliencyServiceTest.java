package org.scorecam.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.WatchedModel;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.error.OverloadException;
import org.scorecam.error.PrecisionException;
import org.scorecam.error.TargetException;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.tensor.Tensors;

/** Pictures that several threads ask about. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class SaliencyServiceTest {
  private static final double TOLERANCE = 1e-5;
  private static final Preprocessing PLAIN = Preprocessing.none();

  /** Longer than a test: only a full group goes. */
  private static final Duration ENDLESS = Duration.ofHours(1);

  @TempDir Path folder;

  private WatchedModel model;
  private ScoreCam cam;
  private List<Long> groups;

  @BeforeEach
  void load() {
    model = new WatchedModel(Goldens.model("tinyresnet_script.pt"));
    groups = Collections.synchronizedList(new ArrayList<>());
    model.beforeCapture = groups::add;
    cam = ScoreCam.on(model).layer("layer3").channels(ChannelSelection.topMax(32)).build();
    assertEquals(8, cam.inputsPerGroup());
  }

  @AfterEach
  void close() {
    cam.close();
    model.close();
  }

  /** Of one group at a time, so that it is known what waits. */
  private Pipeline.Builder pipeline() {
    return Pipeline.on(cam).preprocessing(PLAIN).groups(1);
  }

  /** Every third is wide. */
  private static Picture picture(int seed) {
    int width = seed % 3 == 2 ? 72 : 64;
    byte[] rgb = new byte[3 * width * 64];
    new Random(seed).nextBytes(rgb);
    return Picture.of(width, 64, rgb);
  }

  private static Source source(int seed) {
    return new Source("picture " + seed, () -> picture(seed));
  }

  private static Source corrupt() {
    return new Source("corrupt", () -> Picture.decode(new byte[] {1, 2, 3}, "bytes"));
  }

  private float[] expected(int seed, Target target) {
    try (Tensor input = PLAIN.apply(picture(seed));
        Saliency saliency = cam.explain(input, target)) {
      return saliency.values();
    }
  }

  private float[] expected(int seed) {
    return expected(seed, Target.top1());
  }

  /** The map, which is freed. */
  private static float[] taken(CompletableFuture<Saliency> future) {
    try (Saliency saliency = future.join()) {
      return saliency.values();
    }
  }

  private static CompletableFuture<Saliency> explain(SaliencyService service, int seed) {
    try (Tensor input = PLAIN.apply(picture(seed))) {
      return service.explain(input, Target.top1());
    }
  }

  private static List<CompletableFuture<Saliency>> explain(
      SaliencyService service, IntStream seeds) {
    return seeds.mapToObj(seed -> explain(service, seed)).toList();
  }

  private static Throwable failureOf(CompletableFuture<?> future) {
    return assertThrows(CompletionException.class, future::join).getCause();
  }

  private static long threadsOfPipelines() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.isAlive() && thread.getName().startsWith("scorecam-"))
        .count();
  }

  /** Holds each scoring thread before it begins with a group. */
  private final class Hold {
    private final CountDownLatch reached;
    private final CountDownLatch released = new CountDownLatch(1);

    private Hold() {
      this(1);
    }

    private Hold(int threads) {
      reached = new CountDownLatch(threads);
      model.beforeCapture =
          inputs -> {
            groups.add(inputs);
            reached.countDown();
            awaitUninterruptibly(released);
          };
    }

    void awaitReached() {
      awaitUninterruptibly(reached);
    }

    void release() {
      released.countDown();
    }
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    boolean interrupted = false;
    while (true) {
      try {
        latch.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static Thread started(Runnable work) {
    Thread thread = new Thread(work);
    thread.start();
    return thread;
  }

  @Test
  void mapsAreThoseOfEachPictureAloneWhoeverAsks() throws InterruptedException {
    List<float[]> maps = new ArrayList<>(Collections.nCopies(24, null));
    try (SaliencyService service = pipeline().readers(2).build().serve()) {
      List<Thread> callers = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        int caller = i;
        callers.add(
            started(
                () -> {
                  List<CompletableFuture<Saliency>> futures =
                      IntStream.range(0, 6)
                          .mapToObj(k -> service.explain(source(caller + 4 * k)))
                          .toList();
                  for (int k = 0; k < 6; k++) {
                    maps.set(caller + 4 * k, taken(futures.get(k)));
                  }
                }));
      }
      for (Thread caller : callers) {
        caller.join();
      }
    }
    for (int i = 0; i < 24; i++) {
      assertClose(expected(i), maps.get(i), TOLERANCE);
    }
    assertEquals(0, threadsOfPipelines());
  }

  @Test
  void aFullGroupGoesAtOnceAndIsOnePass() throws InterruptedException {
    List<CompletableFuture<Saliency>> futures = Collections.synchronizedList(new ArrayList<>());
    try (SaliencyService service = pipeline().window(ENDLESS).build().serve()) {
      List<Thread> callers =
          IntStream.range(0, 8)
              .mapToObj(i -> started(() -> futures.add(service.explain(source(3 * i)))))
              .toList();
      for (Thread caller : callers) {
        caller.join();
      }
      futures.forEach(SaliencyServiceTest::taken);
      assertEquals(List.of(8L), groups);
    }
  }

  @Test
  void aGroupHasOneShapeAndTheOthersWaitForTheirs() {
    try (SaliencyService service = pipeline().window(ENDLESS).build().serve()) {
      List<CompletableFuture<Saliency>> square =
          explain(service, IntStream.range(0, 7).map(i -> 3 * i));
      List<CompletableFuture<Saliency>> wide =
          explain(service, IntStream.range(0, 8).map(i -> 3 * i + 2));
      wide.forEach(SaliencyServiceTest::taken);
      assertEquals(List.of(8L), groups);
      assertEquals(7, service.waiting());
      assertTrue(square.stream().noneMatch(CompletableFuture::isDone));
      float[] last = taken(explain(service, 21));
      square.forEach(SaliencyServiceTest::taken);
      assertEquals(List.of(8L, 8L), groups);
      assertClose(expected(21), last, TOLERANCE);
    }
  }

  @Test
  void whatArrivesWhileOthersAreScoredIsTheNextGroup() {
    Hold hold = new Hold();
    try (SaliencyService service = pipeline().window(Duration.ZERO).build().serve()) {
      CompletableFuture<Saliency> first = explain(service, 0);
      hold.awaitReached();
      List<CompletableFuture<Saliency>> others =
          explain(service, IntStream.range(1, 6).map(i -> 3 * i));
      hold.release();
      taken(first);
      others.forEach(SaliencyServiceTest::taken);
    }
    assertEquals(List.of(1L, 5L), groups);
  }

  @Test
  void aWindowThatIsOverLetsFewGo() {
    try (SaliencyService service = pipeline().window(Duration.ofMillis(20)).build().serve()) {
      explain(service, IntStream.range(0, 3).map(i -> 3 * i)).forEach(SaliencyServiceTest::taken);
    }
    assertEquals(3, groups.stream().mapToLong(Long::longValue).sum());
  }

  @Test
  void tensorsArraysAndFilesAreTaken() {
    Path file = folder.resolve("picture.png");
    picture(0).write(file);
    try (SaliencyService service = pipeline().build().serve()) {
      assertClose(expected(0), taken(service.explain(Source.of(file))), TOLERANCE);
      float[][][] image = new float[64][64][3];
      try (Tensor planes = PLAIN.apply(picture(1))) {
        float[] values = Tensors.toArray(planes);
        for (int i = 0; i < values.length; i++) {
          image[i / 64 % 64][i % 64][i / 64 / 64] = values[i];
        }
      }
      assertClose(expected(1), taken(service.explain(image, Target.top1())), TOLERANCE);
      // It is copied: what becomes of it afterwards does not matter.
      CompletableFuture<Saliency> ofBatch;
      CompletableFuture<Saliency> ofOne;
      try (Tensor input = PLAIN.apply(picture(3));
          Tensor one = input.select(0, 0)) {
        ofBatch = service.explain(input, Target.top1());
        ofOne = service.explain(one, Target.top1());
        input.zero_().close();
      }
      assertClose(expected(3), taken(ofBatch), TOLERANCE);
      assertClose(expected(3), taken(ofOne), TOLERANCE);
    }
  }

  @Test
  void eachPictureHasItsOwnTargets() {
    List<Target> two = List.of(Target.ofClass(4), Target.ofClass(1));
    Pipeline pipeline = pipeline().target(Target.ofClass(2)).window(ENDLESS).build();
    try (SaliencyService service = pipeline.serve()) {
      CompletableFuture<Saliency> usual = service.explain(source(0));
      CompletableFuture<Saliency> chosen = service.explain(source(0), Target.ofClass(3));
      CompletableFuture<List<Saliency>> several = service.explain(source(0), two);
      CompletableFuture<List<Saliency>> ofTensor;
      try (Tensor input = PLAIN.apply(picture(0))) {
        ofTensor = service.explain(input, two);
      }
      List<CompletableFuture<Saliency>> fill = explain(service, IntStream.of(0, 0, 0, 0));
      float[] ofUsual = taken(usual);
      assertEquals(List.of(8L), groups);
      assertClose(expected(0, Target.ofClass(2)), ofUsual, TOLERANCE);
      assertClose(expected(0, Target.ofClass(3)), taken(chosen), TOLERANCE);
      for (List<Saliency> maps : List.of(several.join(), ofTensor.join())) {
        assertEquals(2, maps.size());
        for (int i = 0; i < 2; i++) {
          assertClose(expected(0, two.get(i)), maps.get(i).values(), TOLERANCE);
          maps.get(i).close();
        }
      }
      fill.forEach(SaliencyServiceTest::taken);
    }
  }

  @Test
  void picturesAboveTheQueueAreRefused() {
    Hold hold = new Hold();
    try (SaliencyService service = pipeline().queue(3).window(Duration.ZERO).build().serve()) {
      CompletableFuture<Saliency> first = explain(service, 0);
      hold.awaitReached();
      List<CompletableFuture<Saliency>> waiting =
          explain(service, IntStream.range(1, 4).map(i -> 3 * i));
      assertEquals(3, service.waiting());
      OverloadException refusal =
          assertThrows(OverloadException.class, () -> service.explain(source(12)));
      assertTrue(
          refusal.getMessage().startsWith("picture 12 is refused: 3 pictures wait already"),
          refusal.getMessage());
      assertThrows(OverloadException.class, () -> explain(service, 12));
      // One that is cancelled makes room.
      assertTrue(waiting.get(1).cancel(true));
      assertEquals(2, service.waiting());
      CompletableFuture<Saliency> another = service.explain(source(12));
      assertThrows(OverloadException.class, () -> explain(service, 15));
      hold.release();
      for (CompletableFuture<Saliency> future : List.of(first, waiting.get(0), waiting.get(2))) {
        taken(future);
      }
      assertClose(expected(12), taken(another), TOLERANCE);
    }
    assertEquals(List.of(1L, 3L), groups.subList(0, 2));
  }

  @Test
  void closingWaitsForAllThatWasAccepted() {
    Pipeline pipeline = pipeline().window(ENDLESS).build();
    SaliencyService service = pipeline.serve();
    List<CompletableFuture<Saliency>> futures =
        IntStream.range(0, 21).mapToObj(i -> service.explain(source(i))).toList();
    service.close();
    assertTrue(futures.stream().allMatch(CompletableFuture::isDone));
    for (int i = 0; i < 21; i++) {
      assertClose(expected(i), taken(futures.get(i)), TOLERANCE);
    }
    assertEquals(0, threadsOfPipelines());
    assertEquals(
        "this service is closed",
        assertThrows(IllegalStateException.class, () -> service.explain(source(0))).getMessage());
    service.close();
    service.closeNow();
    pipeline.serve().close();
  }

  @Test
  void closingNowCancelsWhatWaits() throws InterruptedException {
    Hold hold = new Hold();
    SaliencyService service = pipeline().window(Duration.ZERO).build().serve();
    CompletableFuture<Saliency> first = explain(service, 0);
    hold.awaitReached();
    List<CompletableFuture<Saliency>> waiting =
        explain(service, IntStream.range(1, 4).map(i -> 3 * i));
    Thread closing = started(service::close);
    Thread closingNow = started(service::closeNow);
    for (CompletableFuture<Saliency> future : waiting) {
      assertThrows(CancellationException.class, future::join);
      assertTrue(future.isCancelled());
    }
    assertFalse(first.isDone());
    hold.release();
    closing.join();
    closingNow.join();
    assertTrue(first.isDone());
    assertClose(expected(0), taken(first), TOLERANCE);
    assertEquals(0, threadsOfPipelines());
  }

  @Test
  void anInterruptGivesUpWhatWaits() throws InterruptedException {
    Hold hold = new Hold();
    SaliencyService service = pipeline().window(Duration.ZERO).build().serve();
    CompletableFuture<Saliency> first = explain(service, 0);
    hold.awaitReached();
    CompletableFuture<Saliency> second = explain(service, 3);
    AtomicBoolean stayed = new AtomicBoolean();
    Thread closing =
        started(
            () -> {
              service.close();
              stayed.set(Thread.currentThread().isInterrupted());
            });
    closing.interrupt();
    assertThrows(CancellationException.class, second::join);
    hold.release();
    closing.join();
    assertTrue(stayed.get());
    taken(first);
  }

  @Test
  void threadsThatOthersLeaveInterruptedGoOn() {
    model.beforeCapture = inputs -> Thread.currentThread().interrupt();
    Source interrupting =
        new Source(
            "interrupting",
            () -> {
              Thread.currentThread().interrupt();
              return picture(0);
            });
    try (SaliencyService service = pipeline().readers(1).build().serve()) {
      for (int i = 0; i < 3; i++) {
        CompletableFuture<Saliency> map = service.explain(interrupting);
        assertClose(expected(0), taken(map.orTimeout(60, TimeUnit.SECONDS)), TOLERANCE);
      }
    }
  }

  @Test
  void aSourceThatWaitsHoldsUpNoOtherAndIsInterruptedAtTheEnd() throws InterruptedException {
    CountDownLatch reading = new CountDownLatch(1);
    AtomicBoolean interrupted = new AtomicBoolean();
    Source slow =
        new Source(
            "slow",
            () -> {
              reading.countDown();
              try {
                Thread.sleep(ENDLESS.toMillis());
              } catch (InterruptedException e) {
                interrupted.set(true);
              }
              return picture(0);
            });
    SaliencyService service = pipeline().readers(2).build().serve();
    CompletableFuture<Saliency> waiting = service.explain(slow);
    reading.await();
    assertClose(expected(3), taken(service.explain(source(3))), TOLERANCE);
    assertClose(expected(6), taken(explain(service, 6)), TOLERANCE);
    service.closeNow();
    assertTrue(waiting.isCancelled());
    assertTrue(interrupted.get());
    assertEquals(0, threadsOfPipelines());
  }

  @Test
  void aDependentMayCloseTheService() {
    for (Consumer<SaliencyService> end :
        List.<Consumer<SaliencyService>>of(SaliencyService::close, SaliencyService::closeNow)) {
      Hold hold = new Hold();
      SaliencyService service = pipeline().window(Duration.ZERO).build().serve();
      CompletableFuture<Saliency> future = explain(service, 0);
      hold.awaitReached();
      CompletableFuture<Void> closed =
          future.thenAccept(
              saliency -> {
                saliency.close();
                end.accept(service);
              });
      hold.release();
      closed.join();
      service.close();
      assertEquals(0, threadsOfPipelines());
    }
  }

  @Test
  void whatIsWrongWithAPictureIsItsOwnFailure() {
    Source broken =
        new Source(
            "broken",
            () -> {
              throw new IllegalStateException("no picture today");
            });
    Source worse =
        new Source(
            "worse",
            () -> {
              throw new StackOverflowError("of a decoder");
            });
    try (SaliencyService service = pipeline().window(ENDLESS).build().serve();
        Tensor two = torch.zeros(2, 3, 64, 64);
        Tensor whole = torch.zeros(new long[] {1, 3, 64, 64}).to(ScalarType.Long);
        Tensor infinite = torch.zeros(1, 3, 64, 64)) {
      infinite.fill_(new org.bytedeco.pytorch.Scalar(Double.POSITIVE_INFINITY));
      List<CompletableFuture<Saliency>> bad =
          List.of(
              service.explain(corrupt()),
              service.explain(broken),
              service.explain(worse),
              service.explain(new Source("nothing", () -> null)),
              service.explain(two, Target.top1()),
              service.explain(whole, Target.top1()),
              service.explain(new float[0][0][0], Target.top1()),
              service.explain(infinite, Target.top1()),
              service.explain(source(0), Target.ofClass(5000)));
      List<CompletableFuture<Saliency>> good =
          explain(service, IntStream.range(0, 6).map(i -> 3 * i));
      for (int i = 0; i < 6; i++) {
        assertClose(expected(3 * i), taken(good.get(i)), TOLERANCE);
      }
      List<Class<? extends Throwable>> failures =
          List.of(
              InputException.class,
              IllegalStateException.class,
              StackOverflowError.class,
              NullPointerException.class,
              InputException.class,
              InputException.class,
              InputException.class,
              InputException.class,
              TargetException.class);
      for (int i = 0; i < bad.size(); i++) {
        assertInstanceOf(failures.get(i), failureOf(bad.get(i)));
      }
      assertEquals(
          "one input must have the shape [1, C, H, W] or [C, H, W], not [2, 3, 64, 64];"
              + " a service takes them one by one",
          failureOf(bad.get(4)).getMessage());
    }
  }

  @Test
  void whatATargetThrowsIsThatPicturesFailure() {
    Target picky =
        Target.of(
            output -> {
              throw new IllegalArgumentException("nothing to score");
            });
    try (SaliencyService service = pipeline().window(ENDLESS).build().serve()) {
      CompletableFuture<Saliency> bad = service.explain(source(0), picky);
      explain(service, IntStream.range(0, 7).map(i -> 3 * i)).forEach(SaliencyServiceTest::taken);
      assertTrue(failureOf(bad).getMessage().endsWith("nothing to score"));
    }
  }

  @Test
  void aRefusedPrecisionIsTheFailureOfAGroupAndNotTriedForEach() {
    model.beforeCapture =
        inputs -> {
          groups.add(inputs);
          throw new PrecisionException("bfloat16 is refused");
        };
    try (SaliencyService service = pipeline().window(ENDLESS).build().serve()) {
      for (CompletableFuture<Saliency> future :
          explain(service, IntStream.range(0, 8).map(i -> 3 * i))) {
        assertInstanceOf(PrecisionException.class, failureOf(future));
      }
      assertEquals(List.of(8L), groups);
      model.beforeCapture = inputs -> {};
      explain(service, IntStream.range(0, 8).map(i -> 3 * i)).forEach(SaliencyServiceTest::taken);
    }
  }

  @Test
  void memoryThatRunsOutHarmsOneGroupAlone() {
    try (SaliencyService service = pipeline().window(ENDLESS).build().serve()) {
      // There is enough for half of a group.
      model.beforeCapture = WatchedModel.noMemoryAbove(4);
      List<CompletableFuture<Saliency>> halved =
          explain(service, IntStream.range(0, 8).map(i -> 3 * i));
      for (int i = 0; i < 8; i++) {
        assertClose(expected(3 * i), taken(halved.get(i)), TOLERANCE);
      }
      model.beforeCapture = WatchedModel.noMemoryAbove(0);
      for (CompletableFuture<Saliency> future :
          explain(service, IntStream.range(0, 8).map(i -> 3 * i))) {
        assertInstanceOf(NativeMemoryException.class, failureOf(future));
      }
      model.beforeCapture = inputs -> {};
      explain(service, IntStream.range(0, 8).map(i -> 3 * i)).forEach(SaliencyServiceTest::taken);
    }
  }

  @Test
  void aCancelledPictureIsNotScored() {
    Hold hold = new Hold();
    try (SaliencyService service = pipeline().window(Duration.ZERO).build().serve()) {
      CompletableFuture<Saliency> first = explain(service, 0);
      hold.awaitReached();
      List<CompletableFuture<Saliency>> others =
          explain(service, IntStream.range(1, 5).map(i -> 3 * i));
      others.get(0).cancel(false);
      others.get(1).completeExceptionally(new IllegalStateException("too late"));
      hold.release();
      taken(first);
      taken(others.get(2));
      taken(others.get(3));
      assertTrue(others.get(0).isCancelled());
    }
    assertEquals(List.of(1L, 2L), groups);
  }

  @Test
  void nothingIsLeftBehindHoweverAFutureEnds() {
    cam.warmUp(3, 64, 64);
    cam.warmUp(3, 64, 72);
    Pipeline pipeline = pipeline().queue(100).build();
    // After 64 inputs ways to run the network are tried out, and one is kept.
    try (SaliencyService service = pipeline.serve()) {
      Stream.of(0, 2)
          .flatMap(
              first -> explain(service, IntStream.range(0, 50).map(i -> first + 3 * i)).stream())
          .toList()
          .forEach(SaliencyServiceTest::taken);
    }
    NativeObjects.assertNoneLeftBy(
        () -> {
          try (SaliencyService service = pipeline.serve()) {
            List<CompletableFuture<Saliency>> futures =
                new ArrayList<>(explain(service, IntStream.range(0, 9)));
            CompletableFuture<Saliency> bad = service.explain(corrupt());
            CompletableFuture<Saliency> impossible =
                service.explain(source(0), Target.ofClass(5000));
            futures.forEach(SaliencyServiceTest::taken);
            failureOf(bad);
            failureOf(impossible);
          }
        });
    // Cancelled while it waits, while it is scored, and when the service is closed.
    NativeObjects.assertNoneLeftBy(
        () -> {
          Hold hold = new Hold();
          SaliencyService service = pipeline.serve();
          CompletableFuture<Saliency> scored = explain(service, 0);
          hold.awaitReached();
          List<CompletableFuture<Saliency>> waiting =
              explain(service, IntStream.range(1, 9).map(i -> 3 * i));
          waiting.get(0).cancel(false);
          scored.cancel(false);
          Thread closing = started(service::closeNow);
          waiting.forEach(future -> assertThrows(CancellationException.class, future::join));
          hold.release();
          try {
            closing.join();
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
          assertTrue(scored.isCancelled());
        });
    // Refused.
    NativeObjects.assertNoneLeftBy(
        () -> {
          Hold hold = new Hold();
          Pipeline small = pipeline().queue(1).window(Duration.ZERO).build();
          try (SaliencyService service = small.serve()) {
            CompletableFuture<Saliency> first = explain(service, 0);
            hold.awaitReached();
            CompletableFuture<Saliency> second = explain(service, 3);
            assertThrows(OverloadException.class, () -> explain(service, 6));
            hold.release();
            taken(first);
            taken(second);
          }
        });
    model.beforeCapture = WatchedModel.noMemoryAbove(1);
    NativeObjects.assertNoneLeftBy(
        () -> {
          try (SaliencyService service = pipeline.serve()) {
            explain(service, IntStream.range(0, 9)).forEach(SaliencyServiceTest::taken);
          }
        });
    // For one group, and for no chunk.
    NativeObjects.assertNoneLeftBy(
        () -> {
          WatchedModel.ShortOfMemory memory = new WatchedModel.ShortOfMemory();
          model.beforeCapture = memory;
          long failures = failures(pipeline, 24);
          assertEquals(memory.pictures(), failures);
          assertTrue(failures >= 1 && failures <= 8, () -> failures + " of a group");
        });
    model.beforeCapture = inputs -> {};
    model.beforeChunk = WatchedModel.noMemoryAbove(0);
    NativeObjects.assertNoneLeftBy(() -> assertEquals(24, failures(pipeline, 24)));
  }

  /** Of so many pictures, how many have no map for want of memory; the others' are freed. */
  private static long failures(Pipeline pipeline, int pictures) {
    try (SaliencyService service = pipeline.serve()) {
      return explain(service, IntStream.range(0, pictures).map(i -> 3 * i)).stream()
          .filter(
              future -> {
                try (Saliency saliency = future.join()) {
                  return false;
                } catch (CompletionException e) {
                  assertInstanceOf(NativeMemoryException.class, e.getCause());
                  return true;
                }
              })
          .count();
    }
  }

  @Test
  void whatIsWrongInAnyWayInLeavesNothingBehind() {
    cam.warmUp(3, 64, 64);
    try (SaliencyService service = pipeline().build().serve()) {
      for (int i = 0; i < 10; i++) {
        explain(service, IntStream.range(0, 8).map(k -> 3 * k)).forEach(SaliencyServiceTest::taken);
      }
    }
    Path text = folder.resolve("text.png");
    try {
      Files.writeString(text, "no picture");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    List<Target> targets = List.of(Target.top1(), Target.ofClass(1));
    try (Tensor two = torch.zeros(2, 3, 64, 64);
        Tensor whole = torch.zeros(new long[] {1, 3, 64, 64}).to(ScalarType.Long);
        Tensor flat = torch.zeros(64);
        Tensor infinite = torch.zeros(1, 3, 64, 64)) {
      infinite.fill_(new org.bytedeco.pytorch.Scalar(Double.POSITIVE_INFINITY));
      NativeObjects.assertNoneLeftBy(
          () -> {
            try (SaliencyService service = pipeline().build().serve()) {
              List<CompletableFuture<?>> bad =
                  List.of(
                      service.explain(corrupt()),
                      service.explain(corrupt(), targets),
                      service.explain(Source.of(text)),
                      service.explain(Source.of(folder.resolve("missing.png"))),
                      service.explain(two, Target.top1()),
                      service.explain(whole, targets),
                      service.explain(flat, Target.top1()),
                      service.explain(infinite, targets),
                      service.explain(new float[0][0][0], Target.top1()),
                      service.explain(new float[][][] {{{1}, {2, 3}}}, Target.top1()));
              List<CompletableFuture<Saliency>> good =
                  explain(service, IntStream.range(0, 6).map(i -> 3 * i));
              bad.forEach(future -> assertInstanceOf(InputException.class, failureOf(future)));
              good.forEach(SaliencyServiceTest::taken);
            }
          });
    }
  }

  @Test
  void theMapOfADroppedFutureIsFreedByTheCollector() throws InterruptedException {
    try (SaliencyService service = pipeline().window(ENDLESS).build().serve()) {
      for (int i = 0; i < 10; i++) {
        explain(service, IntStream.range(0, 8).map(k -> 3 * k)).forEach(SaliencyServiceTest::taken);
      }
      System.gc();
      long before = Pointer.totalCount();
      explain(service, IntStream.range(0, 8).map(i -> 3 * i))
          .forEach(future -> future.thenRun(() -> {}).join());
      assertTrue(Pointer.totalCount() > before);
      for (int i = 0; i < 100 && Pointer.totalCount() > before; i++) {
        System.gc();
        Thread.sleep(20);
      }
      assertTrue(Pointer.totalCount() <= before, "native objects are left");
    }
  }

  @Test
  void severalExplainersServeTogether() {
    Pipeline pipeline =
        Pipeline.on(Collections.nCopies(2, cam)).preprocessing(PLAIN).readers(2).build();
    try (SaliencyService service = pipeline.serve()) {
      List<CompletableFuture<Saliency>> futures =
          IntStream.range(0, 24).mapToObj(i -> service.explain(source(i))).toList();
      for (int i = 0; i < 24; i++) {
        assertClose(expected(i), taken(futures.get(i)), TOLERANCE);
      }
    }
  }

  @Test
  void twoGroupsAreScoredAtATime() {
    Hold hold = new Hold(2);
    Pipeline usual = Pipeline.on(cam).preprocessing(PLAIN).window(ENDLESS).build();
    try (SaliencyService service = usual.serve()) {
      List<CompletableFuture<Saliency>> futures =
          explain(service, IntStream.range(0, 20).map(i -> 3 * i));
      hold.awaitReached();
      assertEquals(4, service.waiting());
      assertEquals(List.of(8L, 8L), groups);
      hold.release();
      service.close();
      for (int i = 0; i < 20; i++) {
        assertClose(expected(3 * i), taken(futures.get(i)), TOLERANCE);
      }
    }
  }

  @Test
  void picturesOfManyMaskedInputsAreScoredOneAfterTheOther() throws InterruptedException {
    Hold hold = new Hold();
    // Nothing is known of the layer: it may have many channels.
    try (ScoreCam all = ScoreCam.on(model).layer("layer3").build();
        SaliencyService service = Pipeline.on(all).preprocessing(PLAIN).groups(3).build().serve()) {
      List<CompletableFuture<Saliency>> futures =
          explain(service, IntStream.range(0, 3).map(i -> 3 * i));
      hold.awaitReached();
      Thread.sleep(100);
      assertEquals(1, all.inputsPerGroup());
      assertEquals(2, service.waiting());
      assertEquals(List.of(1L), groups);
      hold.release();
      futures.forEach(SaliencyServiceTest::taken);
    }
  }

  @Test
  void nullIsNamedAndImpossibleSettingsAreRefused() {
    assertNamed("window", () -> pipeline().window(null));
    assertThrows(IllegalArgumentException.class, () -> pipeline().window(Duration.ofMillis(-1)));
    assertThrows(IllegalArgumentException.class, () -> pipeline().groups(0));
    try (SaliencyService service = pipeline().build().serve();
        Tensor input = PLAIN.apply(picture(0))) {
      assertNamed("source", () -> service.explain(null));
      assertNamed("target", () -> service.explain(source(0), (Target) null));
      assertNamed("targets", () -> service.explain(source(0), (List<Target>) null));
      assertNamed("a target", () -> service.explain(input, Collections.singletonList(null)));
      assertNamed("input", () -> service.explain((Tensor) null, Target.top1()));
      assertNamed("image", () -> service.explain((float[][][]) null, Target.top1()));
      assertInstanceOf(InputException.class, failureOf(service.explain(input, List.<Target>of())));
    }
  }

  private static void assertNamed(String name, Executable call) {
    assertEquals(name, assertThrows(NullPointerException.class, call).getMessage());
  }
}
