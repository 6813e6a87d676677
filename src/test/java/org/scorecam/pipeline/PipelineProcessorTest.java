package org.scorecam.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.SubmissionPublisher;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.WatchedModel;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.error.PrecisionException;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.tensor.Tensors;

/** A pipeline between the publisher of pictures and the subscriber to their maps. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class PipelineProcessorTest {
  private static final double TOLERANCE = 1e-5;
  private static final Preprocessing PLAIN = Preprocessing.none();

  /** Of the rules' names, of those that cannot be tested or are about several subscribers. */
  private static final List<String> NOT_ASKED =
      List.of("untested", "spec111", "RequestedLongAgo", "OnAllItsSubscribers");

  private WatchedModel model;
  private ScoreCam cam;

  @BeforeEach
  void load() {
    model = new WatchedModel(Goldens.model("tinyresnet_script.pt"));
    cam = ScoreCam.on(model).layer("layer3").channels(ChannelSelection.topMax(32)).build();
  }

  @AfterEach
  void close() {
    cam.close();
    model.close();
  }

  private Pipeline.Builder pipeline() {
    return Pipeline.on(cam).preprocessing(PLAIN);
  }

  private static Picture picture(int seed) {
    byte[] rgb = new byte[3 * 64 * 64];
    new Random(seed).nextBytes(rgb);
    return Picture.of(64, 64, rgb);
  }

  private static Source source(int seed) {
    return new Source("picture " + seed, () -> picture(seed));
  }

  private static Source corrupt(int seed) {
    return new Source("corrupt " + seed, () -> Picture.decode(new byte[] {1, 2, 3}, "bytes"));
  }

  private static List<Source> sources(int count) {
    return IntStream.range(0, count).mapToObj(PipelineProcessorTest::source).toList();
  }

  private static long threadsOfPipelines() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.isAlive() && thread.getName().startsWith("scorecam-"))
        .filter(thread -> thread != Thread.currentThread())
        .count();
  }

  /** Until the threads of all streams have ended. */
  private static void awaitThreads() {
    try {
      for (int i = 0; i < 1000 && threadsOfPipelines() > 0; i++) {
        Thread.sleep(10);
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    assertEquals(0, threadsOfPipelines(), "threads are left");
  }

  /** Notes what it is told, and closes what it gets. */
  private static class Notes implements Flow.Subscriber<Explained> {
    final List<String> names = new CopyOnWriteArrayList<>();
    final List<Throwable> failures = new ArrayList<>();
    final CountDownLatch subscribed = new CountDownLatch(1);
    final CountDownLatch ended = new CountDownLatch(1);
    final Consumer<Explained> work;
    volatile Flow.Subscription subscription;
    volatile Throwable thrown;
    volatile long threadsAtTheEnd;

    Notes(Consumer<Explained> work) {
      this.work = work;
    }

    Notes() {
      this(explained -> {});
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
      subscription = given;
      subscribed.countDown();
    }

    @Override
    public void onNext(Explained explained) {
      try (explained) {
        names.add(explained.name());
        explained.failure().ifPresent(failures::add);
        work.accept(explained);
      }
    }

    @Override
    public void onError(Throwable given) {
      thrown = given;
      onComplete();
    }

    @Override
    public void onComplete() {
      threadsAtTheEnd = threadsOfPipelines();
      ended.countDown();
    }

    void await(int results) throws InterruptedException {
      while (names.size() < results) {
        Thread.sleep(1);
      }
    }

    Notes request(long n) throws InterruptedException {
      subscribed.await();
      subscription.request(n);
      return this;
    }
  }

  /** Publishes as many sources as are asked for, as the asking thread. */
  private static final class Upstream implements Flow.Subscription {
    private final Flow.Subscriber<? super Source> subscriber;
    final AtomicInteger sent = new AtomicInteger();
    final CountDownLatch cancelled = new CountDownLatch(1);

    Upstream(Flow.Subscriber<? super Source> subscriber) {
      this.subscriber = subscriber;
      subscriber.onSubscribe(this);
    }

    @Override
    public void request(long n) {
      for (int i = 0; i < n; i++) {
        subscriber.onNext(source(sent.getAndIncrement()));
      }
    }

    @Override
    public void cancel() {
      cancelled.countDown();
    }
  }

  private static void publish(List<Source> sources, Flow.Processor<Source, Explained> to) {
    try (SubmissionPublisher<Source> publisher =
        new SubmissionPublisher<>(ForkJoinPool.commonPool(), 4)) {
      publisher.subscribe(to);
      sources.forEach(publisher::submit);
    }
  }

  private Notes through(Flow.Processor<Source, Explained> processor, List<Source> sources) {
    Notes notes = new Notes();
    through(processor, sources, notes);
    return notes;
  }

  private static void through(
      Flow.Processor<Source, Explained> processor, List<Source> sources, Notes notes) {
    try {
      processor.subscribe(notes);
      notes.request(Long.MAX_VALUE);
      publish(sources, processor);
      notes.ended.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @TestFactory
  Stream<DynamicTest> theRulesOfReactiveStreams() {
    ExecutorService threads = Executors.newCachedThreadPool();
    Stream<DynamicTest> rules =
        Arrays.stream(ReactiveStreamsRules.class.getMethods())
            .filter(rule -> rule.isAnnotationPresent(org.testng.annotations.Test.class))
            .filter(rule -> NOT_ASKED.stream().noneMatch(rule.getName()::contains))
            .sorted(Comparator.comparing(Method::getName))
            .map(rule -> DynamicTest.dynamicTest(rule.getName(), () -> check(rule, threads)));
    return rules.onClose(threads::shutdownNow);
  }

  /** What TestNG would do; a rule that skips itself fails. */
  private void check(Method rule, ExecutorService threads) throws Throwable {
    ReactiveStreamsRules rules =
        new ReactiveStreamsRules(queue -> pipeline().queue(queue).build(), threads);
    // What is done once must not count as silence.
    cam.warmUp(3, 16, 16);
    rules.setUp();
    try {
      rule.invoke(rules);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    } finally {
      rules.cancelAll();
      awaitThreads();
    }
  }

  @Test
  void mapsAreThoseOfEachPictureAloneAndInOrder() {
    List<float[]> maps = new ArrayList<>();
    Notes notes = new Notes(explained -> maps.add(Tensors.toArray(explained.saliency().tensor())));
    through(pipeline().readers(2).build().processor(), sources(12), notes);
    assertEquals(sources(12).stream().map(Source::name).toList(), notes.names);
    assertEquals(null, notes.thrown);
    for (int i = 0; i < 12; i++) {
      try (Tensor input = PLAIN.apply(picture(i));
          Saliency alone = cam.explain(input, Target.top1())) {
        assertClose(Tensors.toArray(alone.tensor()), maps.get(i), TOLERANCE);
      }
    }
    assertEquals(0, notes.threadsAtTheEnd, "beside the one that publishes");
  }

  @Test
  void onlySoManySourcesAreAskedFor() throws InterruptedException {
    Flow.Processor<Source, Explained> processor = pipeline().queue(3).build().processor();
    Upstream upstream = new Upstream(processor);
    Notes notes = new Notes();
    processor.subscribe(notes);
    // Those asked for in advance, and the run's own capacity.
    int most = 3 + 2 * cam.inputsPerGroup() + 3;
    for (int taken = 1; taken <= 3; taken++) {
      notes.request(1);
      notes.await(taken);
      Thread.sleep(100);
      assertEquals(taken, notes.names.size());
      assertTrue(upstream.sent.get() <= most + taken, upstream.sent + " of " + most);
    }
    assertTrue(upstream.sent.get() > 3, "nothing is read ahead");
    notes.subscription.cancel();
    assertTrue(upstream.cancelled.await(10, TimeUnit.SECONDS));
    awaitThreads();
  }

  @Test
  void corruptPicturesArePublishedAsSuch() {
    List<Source> mixed = new ArrayList<>(sources(9));
    mixed.set(2, corrupt(2));
    mixed.set(8, corrupt(8));
    Notes notes = through(pipeline().build().processor(), mixed);
    assertEquals(mixed.stream().map(Source::name).toList(), notes.names);
    assertEquals(2, notes.failures.size());
    assertInstanceOf(InputException.class, notes.failures.get(0));
  }

  @Test
  void aPipelineThatFailsFastEndsTheStream() throws InterruptedException {
    Flow.Processor<Source, Explained> processor = pipeline().failFast().build().processor();
    AtomicInteger asked = new AtomicInteger();
    CountDownLatch cancelled = new CountDownLatch(1);
    Notes notes = new Notes();
    processor.subscribe(notes);
    notes.request(Long.MAX_VALUE);
    processor.onSubscribe(
        new Flow.Subscription() {
          @Override
          public void request(long n) {
            for (int i = 0; i < n; i++) {
              int next = asked.getAndIncrement();
              processor.onNext(next == 2 ? corrupt(2) : source(next));
            }
          }

          @Override
          public void cancel() {
            cancelled.countDown();
          }
        });
    notes.ended.await();
    assertInstanceOf(InputException.class, notes.thrown);
    assertEquals(List.of("picture 0", "picture 1"), notes.names);
    assertTrue(cancelled.await(10, TimeUnit.SECONDS));
  }

  @Test
  void aRefusedPrecisionEndsTheStream() {
    model.beforeCapture =
        inputs -> {
          throw new PrecisionException("bfloat16 is refused");
        };
    Notes notes = through(pipeline().build().processor(), sources(6));
    assertEquals("bfloat16 is refused", notes.thrown.getMessage());
    assertEquals(List.of(), notes.names);
  }

  /** Throws when it is asked for the nth time, and when it is cancelled. */
  private static final class Broken implements Flow.Subscription {
    private final Flow.Subscriber<? super Source> subscriber;
    private final int most;
    final AtomicInteger asked = new AtomicInteger();
    final AtomicInteger cancelled = new AtomicInteger();

    Broken(Flow.Subscriber<? super Source> subscriber, int most) {
      this.subscriber = subscriber;
      this.most = most;
    }

    @Override
    public void request(long n) {
      if (asked.incrementAndGet() == most) {
        throw new IllegalStateException("not to be asked");
      }
      for (int i = 0; i < n; i++) {
        subscriber.onNext(source(i));
      }
    }

    @Override
    public void cancel() {
      cancelled.incrementAndGet();
      throw new IllegalStateException("not to be cancelled");
    }
  }

  @Test
  void whatAnUpstreamThrowsEndsTheStreamAndIsReported() throws InterruptedException {
    List<String> uncaught = new CopyOnWriteArrayList<>();
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, e) -> uncaught.add(e.getMessage()));
    try {
      // When it is subscribed to, and by a reading thread.
      for (int most : new int[] {1, 3}) {
        Flow.Processor<Source, Explained> processor = pipeline().build().processor();
        Broken upstream = new Broken(processor, most);
        processor.onSubscribe(upstream);
        Notes notes = new Notes();
        processor.subscribe(notes);
        notes.request(Long.MAX_VALUE).ended.await();
        assertEquals("not to be asked", notes.thrown.getMessage());
        assertEquals(1, upstream.cancelled.get());
        awaitThreads();
      }
      Flow.Processor<Source, Explained> processor = pipeline().build().processor();
      Notes notes = new Notes();
      processor.subscribe(notes);
      processor.onSubscribe(new Broken(processor, Integer.MAX_VALUE));
      notes.request(1).await(1);
      notes.subscription.cancel();
      awaitThreads();
      assertEquals(Collections.nCopies(3, "not to be cancelled"), uncaught);
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
  }

  @Test
  void aSourceThatLeavesItsThreadInterruptedEndsNothing() {
    List<Source> interrupting =
        IntStream.range(0, 12)
            .mapToObj(
                i ->
                    new Source(
                        "picture " + i,
                        () -> {
                          Thread.currentThread().interrupt();
                          return picture(i);
                        }))
            .toList();
    Notes notes = through(pipeline().queue(1).build().processor(), interrupting);
    assertEquals(null, notes.thrown);
    assertEquals(sources(12).stream().map(Source::name).toList(), notes.names);
  }

  @Test
  void aSecondSubscriberIsRefused() {
    Flow.Processor<Source, Explained> processor = pipeline().build().processor();
    Notes first = new Notes();
    processor.subscribe(first);
    Notes second = new Notes();
    processor.subscribe(second);
    assertInstanceOf(IllegalStateException.class, second.thrown);
    publish(List.of(), processor);
    awaitThreads();
    assertEquals(null, first.thrown);
    assertEquals(0, first.ended.getCount());
  }

  @Test
  void whatASubscriberThrowsCancelsAndIsReported() throws InterruptedException {
    LinkedBlockingQueue<Throwable> uncaught = new LinkedBlockingQueue<>();
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> uncaught.add(thrown));
    try {
      IllegalArgumentException enough = new IllegalArgumentException("enough");
      Flow.Processor<Source, Explained> processor = pipeline().build().processor();
      Upstream upstream = new Upstream(processor);
      Notes notes =
          new Notes(
              explained -> {
                if (explained.index() == 3) {
                  throw enough;
                }
              });
      processor.subscribe(notes);
      notes.request(Long.MAX_VALUE);
      assertSame(enough, uncaught.poll(60, TimeUnit.SECONDS));
      assertTrue(upstream.cancelled.await(10, TimeUnit.SECONDS));
      awaitThreads();
      assertEquals(4, notes.names.size());
      assertEquals(null, notes.thrown);
      assertEquals(1, notes.ended.getCount(), "nothing is signalled after a cancellation");
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
  }

  @Test
  void streamsLeaveNothingBehindHoweverTheyEnd() {
    cam.warmUp(3, 64, 64);
    Pipeline pipeline = pipeline().readers(2).build();
    // After 64 inputs ways to run the network are tried out, and one is kept.
    through(pipeline.processor(), sources(100));
    List<Source> mixed = new ArrayList<>(sources(9));
    mixed.set(4, corrupt(4));
    NativeObjects.assertNoneLeftBy(() -> through(pipeline.processor(), mixed));
    NativeObjects.assertNoneLeftBy(
        () -> {
          Flow.Processor<Source, Explained> processor = pipeline.processor();
          Notes notes =
              new Notes(explained -> processor.onError(new IllegalStateException("gone")));
          through(processor, sources(9), notes);
          assertEquals("gone", notes.thrown.getMessage());
        });
    NativeObjects.assertNoneLeftBy(
        () -> {
          Flow.Processor<Source, Explained> processor = pipeline.processor();
          Notes[] notes = new Notes[1];
          notes[0] = new Notes(explained -> notes[0].subscription.cancel());
          Upstream upstream = new Upstream(processor);
          processor.subscribe(notes[0]);
          try {
            notes[0].request(Long.MAX_VALUE);
            upstream.cancelled.await();
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
          awaitThreads();
          assertEquals(List.of("picture 0"), notes[0].names);
        });
    // Memory runs out where pictures are scored together.
    model.beforeCapture = WatchedModel.noMemoryAbove(1);
    NativeObjects.assertNoneLeftBy(
        () -> {
          Notes notes = through(pipeline.processor(), sources(9));
          assertEquals(9, notes.names.size());
          assertEquals(List.of(), notes.failures);
        });
    // For one group, and for all.
    List<String> names = sources(24).stream().map(Source::name).toList();
    NativeObjects.assertNoneLeftBy(
        () -> {
          WatchedModel.ShortOfMemory memory = new WatchedModel.ShortOfMemory();
          model.beforeCapture = memory;
          Notes notes = through(pipeline.processor(), sources(24));
          assertEquals(names, notes.names);
          assertEquals(null, notes.thrown);
          assertEquals(memory.pictures(), notes.failures.size());
          assertTrue(memory.pictures() >= 1 && memory.pictures() <= 8);
          assertInstanceOf(NativeMemoryException.class, notes.failures.get(0));
        });
    model.beforeCapture = inputs -> {};
    model.beforeChunk = WatchedModel.noMemoryAbove(0);
    NativeObjects.assertNoneLeftBy(
        () -> {
          Notes notes = through(pipeline.processor(), sources(24));
          assertEquals(names, notes.names);
          assertEquals(24, notes.failures.size());
        });
  }

  @Test
  void aSubscriberThatThrowsLeavesNothingBehind() {
    cam.warmUp(3, 64, 64);
    Pipeline pipeline = pipeline().readers(2).build();
    through(pipeline.processor(), sources(100));
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> {});
    try {
      // What it took is its own: this one closes it.
      NativeObjects.assertNoneLeftBy(
          () ->
              throwing(
                  pipeline,
                  new Notes(
                      explained -> {
                        throw new IllegalArgumentException("enough");
                      })));
      // What it did not take is freed.
      NativeObjects.assertNoneLeftBy(
          () ->
              throwing(
                  pipeline,
                  new Notes() {
                    @Override
                    public void onNext(Explained explained) {
                      names.add(explained.name());
                      throw new StackOverflowError("of a subscriber");
                    }
                  }));
      NativeObjects.assertNoneLeftBy(
          () ->
              throwing(
                  pipeline,
                  new Notes() {
                    @Override
                    public void onSubscribe(Flow.Subscription given) {
                      super.onSubscribe(given);
                      names.add("none");
                      throw new IllegalStateException("not interested");
                    }
                  }));
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
  }

  private static void throwing(Pipeline pipeline, Notes notes) {
    Flow.Processor<Source, Explained> processor = pipeline.processor();
    Upstream upstream = new Upstream(processor);
    processor.subscribe(notes);
    try {
      notes.request(Long.MAX_VALUE);
      upstream.cancelled.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    awaitThreads();
    assertEquals(1, notes.names.size());
    assertEquals(1, notes.ended.getCount(), "nothing is signalled after a cancellation");
  }
}
