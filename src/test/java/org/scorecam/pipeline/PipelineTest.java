package org.scorecam.pipeline;

import static java.util.stream.Collectors.toSet;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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

/** Many pictures, one after the other and beside each other. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class PipelineTest {
  private static final double TOLERANCE = 1e-5;
  private static final Preprocessing PLAIN = Preprocessing.none();

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
  }

  @AfterEach
  void close() {
    cam.close();
    model.close();
  }

  private static Picture picture(int seed, int width, int height) {
    byte[] rgb = new byte[3 * width * height];
    new Random(seed).nextBytes(rgb);
    return Picture.of(width, height, rgb);
  }

  /** Every third is wide. */
  private static Picture picture(int seed) {
    return picture(seed, seed % 3 == 2 ? 72 : 64, 64);
  }

  private static Source source(int seed) {
    return new Source("picture " + seed, () -> picture(seed));
  }

  private static List<Source> sources(int count) {
    return IntStream.range(0, count).mapToObj(PipelineTest::source).toList();
  }

  private Pipeline.Builder pipeline() {
    return Pipeline.on(cam).preprocessing(PLAIN);
  }

  private float[] expected(int seed) {
    try (Tensor input = PLAIN.apply(picture(seed));
        Saliency saliency = cam.explain(input, Target.top1())) {
      return Tensors.toArray(saliency.tensor());
    }
  }

  private static float[] mapOf(Explained explained) {
    return Tensors.toArray(explained.saliency().tensor());
  }

  private static long threadsOfPipelines() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.isAlive() && thread.getName().startsWith("scorecam-"))
        .count();
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "3, 1, 1", "1, 8, 1", "2, 4, 2"})
  void resultsComeInOrderAndAreThoseOfEachPictureAlone(int readers, int ahead, int explainers) {
    List<float[]> maps = new ArrayList<>();
    List<Long> indices = new ArrayList<>();
    List<String> names = new ArrayList<>();
    Pipeline.on(Collections.nCopies(explainers, cam))
        .preprocessing(PLAIN)
        .readers(readers)
        .queue(ahead)
        .build()
        .runSources(
            sources(11),
            explained -> {
              indices.add(explained.index());
              names.add(explained.name());
              maps.add(mapOf(explained));
              assertEquals(64, explained.inputHeight());
              assertEquals(explained.picture().width(), explained.inputWidth());
              assertTrue(explained.seconds() > 0);
            });
    assertEquals(IntStream.range(0, 11).mapToObj(i -> (long) i).toList(), indices);
    assertEquals(sources(11).stream().map(Source::name).toList(), names);
    for (int i = 0; i < 11; i++) {
      assertClose(expected(i), maps.get(i), TOLERANCE);
    }
    assertEquals(0, threadsOfPipelines());
  }

  @Test
  void severalTargetsOfAPictureShareItsPasses() {
    List<Target> targets = List.of(Target.ofClass(4), Target.top1());
    List<List<float[]>> maps = new ArrayList<>();
    pipeline()
        .targets(targets)
        .build()
        .runSources(
            sources(3),
            explained -> {
              assertSame(explained.saliencies().get(0), explained.saliency());
              maps.add(
                  explained.saliencies().stream().map(s -> Tensors.toArray(s.tensor())).toList());
            });
    for (int i = 0; i < 3; i++) {
      assertEquals(2, maps.get(i).size());
      assertClose(expected(i), maps.get(i).get(1), TOLERANCE);
      try (Tensor input = PLAIN.apply(picture(i));
          Saliency first = cam.explain(input, targets.get(0))) {
        assertClose(Tensors.toArray(first.tensor()), maps.get(i).get(0), TOLERANCE);
      }
    }
    assertThrows(IllegalArgumentException.class, () -> pipeline().targets(List.of()));
  }

  @Test
  void filesAreRead() {
    List<Path> files = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Path file = folder.resolve(i + ".png");
      picture(i).write(file);
      files.add(file);
    }
    List<float[]> maps = new ArrayList<>();
    pipeline().build().run(files, explained -> maps.add(mapOf(explained)));
    for (int i = 0; i < 3; i++) {
      assertClose(expected(i), maps.get(i), TOLERANCE);
    }
  }

  @Test
  void nullIsNamed() {
    assertNamed("explainer", () -> Pipeline.on((ScoreCam) null));
    assertNamed("explainers", () -> Pipeline.on((List<ScoreCam>) null));
    assertNamed("an explainer", () -> Pipeline.on(Collections.singletonList(null)));
    assertNamed("target", () -> pipeline().target(null));
    assertNamed("preprocessing", () -> pipeline().preprocessing(null));
    assertNamed("files", () -> pipeline().build().run(null, explained -> {}));
    assertNamed("consumer", () -> pipeline().build().runSources(List.of(), null));
    assertNamed("sources", () -> pipeline().build().start(null));
    assertNamed(
        "a source",
        () -> pipeline().build().runSources(Collections.singletonList(null), explained -> {}));
    assertNamed("file", () -> Source.of(null));
    List<RuntimeException> failures = new ArrayList<>();
    pipeline()
        .build()
        .runSources(
            List.of(new Source("nothing", () -> null)),
            explained -> explained.failure().ifPresent(failures::add));
    assertEquals("the picture that the reader of nothing returned", failures.get(0).getMessage());
  }

  private static void assertNamed(String name, Executable call) {
    assertEquals(name, assertThrows(NullPointerException.class, call).getMessage());
  }

  @Test
  void noPicturesGiveNoResults() {
    try (PipelineRun run = pipeline().build().start(List.of())) {
      assertFalse(run.hasNext());
      assertThrows(NoSuchElementException.class, run::next);
    }
  }

  @Test
  void picturesOfOneShapeAreScoredTogether() {
    assertEquals(8, cam.inputsPerGroup());
    AtomicInteger taken = new AtomicInteger();
    pipeline().readers(2).queue(8).build().runSources(sources(24), e -> taken.incrementAndGet());
    assertEquals(24, taken.get());
    assertEquals(24, groups.stream().mapToLong(Long::longValue).sum());
    assertTrue(groups.size() <= 8, "groups of " + groups);
    assertTrue(groups.stream().allMatch(size -> size <= 8), "groups of " + groups);
  }

  @Test
  void groupsGrowOnceAPictureHasShownHowManyChannelsThereAre() {
    try (ScoreCam all = ScoreCam.on(model).layer("layer3").build()) {
      assertEquals(1, all.inputsPerGroup());
      Pipeline.on(all)
          .preprocessing(PLAIN)
          .target(Target.top1())
          .queue(8)
          .build()
          .runSources(sources(24), e -> {});
      assertEquals(4, all.inputsPerGroup());
    }
    assertEquals(1, groups.get(0));
    assertTrue(groups.contains(4L), "groups of " + groups);
    assertTrue(groups.stream().allMatch(size -> size <= 4), "groups of " + groups);
  }

  @Test
  void aPictureThatFailsIsReportedInItsPlaceAndTheOthersAreDone() {
    Path missing = folder.resolve("missing.png");
    List<Source> sources = new ArrayList<>(sources(6));
    sources.set(1, Source.of(missing));
    sources.set(
        4,
        new Source(
            "broken",
            () -> {
              throw new IllegalStateException("no picture today");
            }));
    List<Throwable> failures = new ArrayList<>();
    pipeline()
        .build()
        .runSources(
            sources,
            explained -> {
              failures.add(explained.failure().orElse(null));
              if (explained.failure().isEmpty()) {
                assertClose(expected((int) explained.index()), mapOf(explained), TOLERANCE);
              } else {
                assertThrows(RuntimeException.class, explained::saliency);
                assertThrows(RuntimeException.class, explained::picture);
              }
            });
    assertEquals(6, failures.size());
    assertInstanceOf(InputException.class, failures.get(1));
    assertTrue(failures.get(1).getMessage().contains(missing.toString()));
    assertInstanceOf(IllegalStateException.class, failures.get(4));
    assertEquals(4, failures.stream().filter(failure -> failure == null).count());
  }

  @Test
  void aPictureThatCannotBeScoredDoesNotHarmThoseItIsScoredWith() {
    // The target fails where the picture's output is unlike the others'.
    float[] out = new float[4];
    for (int i = 0; i < 4; i++) {
      try (Tensor input = PLAIN.apply(picture(3 * i));
          Saliency saliency = cam.explain(input, Target.ofClass(3))) {
        out[i] = saliency.referenceScore();
      }
    }
    Target picky =
        Target.of(
            output -> {
              Tensor scores = output.select(1, 3);
              boolean isThird =
                  scores.size(0) == 1 && Math.abs(scores.item_float() - out[2]) < 1e-4;
              return isThird ? output : scores;
            });
    List<Boolean> failed = new ArrayList<>();
    pipeline()
        .target(picky)
        .build()
        .runSources(
            IntStream.range(0, 4).mapToObj(i -> source(3 * i)).toList(),
            explained -> failed.add(explained.failure().isPresent()));
    assertEquals(List.of(false, false, true, false), failed);
  }

  @Test
  void whatLibTorchThrowsForAGroupIsNoFailureOfItsPictures() {
    model.beforeCapture =
        inputs -> {
          if (inputs > 1) {
            throw new RuntimeException("something of LibTorch's\nException raised from f");
          }
        };
    List<Boolean> failed = new ArrayList<>();
    pipeline()
        .build()
        .runSources(
            IntStream.range(0, 4).mapToObj(i -> source(3 * i)).toList(),
            explained -> failed.add(explained.failure().isPresent()));
    assertEquals(List.of(false, false, false, false), failed);
  }

  @Test
  void whatLibTorchThrowsForAPictureIsItsFailure() {
    AtomicInteger captures = new AtomicInteger();
    model.beforeCapture =
        inputs -> {
          if (inputs > 1 || captures.incrementAndGet() == 2) {
            throw new RuntimeException("something of LibTorch's\nException raised from f");
          }
        };
    List<String> failures = new ArrayList<>();
    pipeline()
        .build()
        .runSources(
            IntStream.range(0, 4).mapToObj(i -> source(3 * i)).toList(),
            explained ->
                failures.add(explained.failure().map(Throwable::getMessage).orElse("none")));
    assertEquals(4, failures.size());
    assertEquals(3, Collections.frequency(failures, "none"));
    assertTrue(
        failures.contains(
            "an input of shape [1, 3, 64, 64] cannot be explained: something of LibTorch's"),
        failures::toString);
  }

  @Test
  void aRefusedPrecisionEndsTheRunAndIsNotTriedAgain() {
    AtomicInteger tried = new AtomicInteger();
    model.beforeCapture =
        inputs -> {
          tried.incrementAndGet();
          throw new PrecisionException("bfloat16 is refused");
        };
    Pipeline pipeline = pipeline().queue(8).build();
    PrecisionException thrown =
        assertThrows(
            PrecisionException.class, () -> pipeline.runSources(sources(12), explained -> {}));
    assertEquals("bfloat16 is refused", thrown.getMessage());
    assertEquals(1, tried.get());
    assertEquals(0, threadsOfPipelines());
  }

  @Test
  void aRunThatFailsFastEndsWithTheFirstFailure() {
    List<Source> sources = new ArrayList<>(sources(8));
    sources.set(2, Source.of(folder.resolve("missing.png")));
    List<Long> done = new ArrayList<>();
    Pipeline pipeline = pipeline().failFast().build();
    assertThrows(
        InputException.class,
        () -> pipeline.runSources(sources, explained -> done.add(explained.index())));
    assertEquals(List.of(0L, 1L), done);
    assertEquals(0, threadsOfPipelines());
  }

  @Test
  void whatTheConsumerThrowsEndsTheRun() {
    IllegalArgumentException thrown = new IllegalArgumentException("enough");
    Pipeline pipeline = pipeline().build();
    assertSame(
        thrown,
        assertThrows(
            IllegalArgumentException.class,
            () ->
                pipeline.runSources(
                    sources(20),
                    explained -> {
                      if (explained.index() == 2) {
                        throw thrown;
                      }
                    })));
    assertEquals(0, threadsOfPipelines());
  }

  @Test
  void whatTheSourcesThrowEndsTheRun() {
    Iterator<Source> first = sources(3).iterator();
    Iterable<Source> failing =
        () ->
            new Iterator<>() {
              @Override
              public boolean hasNext() {
                return true;
              }

              @Override
              public Source next() {
                return first.next();
              }
            };
    Pipeline pipeline = pipeline().build();
    assertThrows(NoSuchElementException.class, () -> pipeline.runSources(failing, e -> {}));
    assertEquals(0, threadsOfPipelines());
  }

  @Test
  void aClosedExplainerEndsTheRun() {
    cam.close();
    Pipeline pipeline = pipeline().build();
    assertThrows(IllegalStateException.class, () -> pipeline.runSources(sources(5), e -> {}));
  }

  @Test
  void aRunMayBeClosedBeforeItsEndAndAgain() {
    PipelineRun run = pipeline().readers(2).build().start(PipelineTest::endless);
    try (Explained first = run.next()) {
      assertEquals(0, first.index());
    }
    run.close();
    run.close();
    assertEquals(0, threadsOfPipelines());
    assertThrows(IllegalStateException.class, run::hasNext);
    assertThrows(IllegalStateException.class, run::next);
  }

  private static Iterator<Source> endless() {
    return IntStream.iterate(0, i -> i + 1).mapToObj(PipelineTest::source).iterator();
  }

  @Test
  void onlySoManyPicturesAreInMemory() throws InterruptedException {
    AtomicInteger read = new AtomicInteger();
    Iterable<Source> counted =
        () ->
            IntStream.iterate(0, i -> i + 1)
                .mapToObj(
                    i ->
                        new Source(
                            "" + i,
                            () -> {
                              read.incrementAndGet();
                              return picture(3 * i);
                            }))
                .iterator();
    int most = 2 * cam.inputsPerGroup() + 3;
    try (PipelineRun run = pipeline().readers(3).queue(3).build().start(counted)) {
      for (int taken = 1; taken <= 5; taken++) {
        run.next().close();
        Thread.sleep(200);
        assertTrue(read.get() <= taken + most, read.get() + " are read, " + taken + " taken");
      }
      assertTrue(read.get() > 5, "nothing is read ahead");
    }
  }

  @Test
  void aSourceThatWaitsDoesNotHoldUpWhatIsThere() throws InterruptedException {
    CountDownLatch never = new CountDownLatch(1);
    Iterator<Source> three = sources(3).iterator();
    Iterable<Source> live =
        () ->
            new Iterator<>() {
              @Override
              public boolean hasNext() {
                if (three.hasNext()) {
                  return true;
                }
                try {
                  never.await();
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
                return false;
              }

              @Override
              public Source next() {
                return three.next();
              }
            };
    try (PipelineRun run = pipeline().build().start(live)) {
      for (int i = 0; i < 3; i++) {
        run.next().close();
      }
    }
    assertEquals(0, threadsOfPipelines());
  }

  @Test
  void anInterruptEndsTheRun() throws InterruptedException {
    CountDownLatch started = new CountDownLatch(1);
    List<Throwable> seen = new ArrayList<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                pipeline()
                    .build()
                    .runSources(PipelineTest::endless, explained -> started.countDown());
              } catch (CancellationException e) {
                seen.add(e);
                assertTrue(Thread.currentThread().isInterrupted());
              }
            });
    thread.start();
    started.await();
    thread.interrupt();
    thread.join();
    assertEquals(1, seen.size());
    assertEquals(0, threadsOfPipelines());
  }

  @Test
  void aSourceIsReadAheadOnceBeforeARunAsksForIt() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    AtomicInteger reads = new AtomicInteger();
    Source ahead =
        new Source(
                "ahead",
                () -> {
                  reads.incrementAndGet();
                  begun.countDown();
                  return picture(0);
                })
            .readAhead();
    assertEquals("ahead", ahead.name());
    assertTrue(begun.await(1, TimeUnit.MINUTES));
    List<float[]> maps = new ArrayList<>();
    pipeline().build().runSources(List.of(ahead, source(1)), each -> maps.add(mapOf(each)));
    assertEquals(1, reads.get());
    assertClose(expected(0), maps.get(0), TOLERANCE);
    assertEquals(2, maps.size());
  }

  @Test
  void whatReadingAheadMeetsWithIsThatPicturesFailure() {
    Source missing = Source.of(folder.resolve("missing.png")).readAhead();
    List<Explained> results = new ArrayList<>();
    pipeline().build().runSources(List.of(missing, source(1)), results::add);
    InputException failure = (InputException) results.get(0).failure().orElseThrow();
    assertTrue(failure.getMessage().contains("missing.png"), failure.getMessage());
    assertTrue(results.get(1).failure().isEmpty());
    Error error = new StackOverflowError("of a reader");
    Source broken =
        new Source(
                "broken",
                () -> {
                  throw error;
                })
            .readAhead();
    Pipeline pipeline = pipeline().build();
    assertSame(
        error,
        assertThrows(
            StackOverflowError.class, () -> pipeline.runSources(List.of(broken), each -> {})));
  }

  @Test
  void aFlightRecordingShowsWhichPicturesAreInAGroup() throws Exception {
    Path file = folder.resolve("run.jfr");
    try (Recording recording = new Recording()) {
      List.of("Read", "Group", "Explanation").forEach(e -> recording.enable("org.scorecam." + e));
      recording.start();
      pipeline().queue(8).build().runSources(sources(12), explained -> {});
      recording.stop();
      recording.dump(file);
    }
    List<String> read = new ArrayList<>();
    List<String> explained = new ArrayList<>();
    List<RecordedEvent> groups = new ArrayList<>();
    List<RecordedEvent> explanations = new ArrayList<>();
    for (RecordedEvent event : RecordingFile.readAllEvents(file)) {
      switch (event.getEventType().getName()) {
        case "org.scorecam.Read" -> read.add(event.getString("picture"));
        case "org.scorecam.Explanation" -> explanations.add(event);
        case "org.scorecam.Group" -> {
          List<String> names = event.getString("pictures").lines().toList();
          assertEquals(names.size(), event.getInt("count"));
          assertFalse(event.getDuration("waited").isNegative());
          explained.addAll(names);
          groups.add(event);
        }
        default -> {}
      }
    }
    Set<String> names = sources(12).stream().map(Source::name).collect(toSet());
    assertEquals(names, Set.copyOf(read));
    assertEquals(names, Set.copyOf(explained));
    assertEquals(12, explained.size());
    assertEquals(groups.size(), groups.stream().map(e -> e.getLong("group")).distinct().count());
    for (RecordedEvent explanation : explanations) {
      assertEquals(
          1,
          groups.stream()
              .filter(group -> !group.getStartTime().isAfter(explanation.getStartTime()))
              .filter(group -> !group.getEndTime().isBefore(explanation.getEndTime()))
              .count());
    }
  }

  @Test
  void runsLeaveNothingBehindHoweverTheyEnd() throws Exception {
    Path text = Files.writeString(folder.resolve("text.png"), "no picture");
    List<Source> sources = new ArrayList<>(sources(9));
    sources.set(5, Source.of(text));
    cam.warmUp(3, 64, 64);
    cam.warmUp(3, 64, 72);
    Pipeline pipeline = pipeline().readers(2).build();
    Pipeline failFast = pipeline().failFast().build();
    // After 64 inputs ways to run the network are tried out, and one is kept.
    for (int i = 0; i < 8; i++) {
      pipeline.runSources(sources, e -> {});
    }
    NativeObjects.assertNoneLeftBy(() -> pipeline.runSources(sources, e -> {}));
    NativeObjects.assertNoneLeftBy(
        () -> assertThrows(InputException.class, () -> failFast.runSources(sources, e -> {})));
    NativeObjects.assertNoneLeftBy(
        () -> {
          try (PipelineRun run = pipeline.start(PipelineTest::endless)) {
            run.next().close();
          }
        });
    NativeObjects.assertNoneLeftBy(() -> pipeline.start(PipelineTest::endless).close());
  }

  @Test
  void memoryThatRunsOutIsTheFailureOfOneGroupAndLeavesNothingBehind() {
    List<Source> sources = IntStream.range(0, 24).mapToObj(i -> source(3 * i)).toList();
    cam.warmUp(3, 64, 64);
    Pipeline pipeline = pipeline().readers(2).queue(8).build();
    // After 64 inputs ways to run the network are tried out, and one is kept.
    for (int i = 0; i < 3; i++) {
      pipeline.runSources(sources, e -> {});
    }
    List<float[]> expected = IntStream.range(0, 24).mapToObj(i -> expected(3 * i)).toList();
    NativeObjects.assertNoneLeftBy(
        () -> {
          WatchedModel.ShortOfMemory memory = new WatchedModel.ShortOfMemory();
          model.beforeCapture = memory;
          long failures = failuresOf(pipeline, sources, expected);
          assertEquals(memory.pictures(), failures, "of one group");
          assertTrue(memory.pictures() >= 1 && memory.pictures() <= 8);
        });
    model.beforeCapture = WatchedModel.noMemoryAbove(4);
    NativeObjects.assertNoneLeftBy(
        () -> assertEquals(0, failuresOf(pipeline, sources, expected), "halves fit"));
    model.beforeCapture = WatchedModel.noMemoryAbove(0);
    NativeObjects.assertNoneLeftBy(
        () -> assertEquals(24, failuresOf(pipeline, sources, expected), "nothing fits"));
    model.beforeCapture = inputs -> {};
    model.beforeChunk = WatchedModel.noMemoryAbove(0);
    NativeObjects.assertNoneLeftBy(
        () -> assertEquals(24, failuresOf(pipeline, sources, expected), "no chunk fits"));
    model.beforeChunk = rows -> {};
    assertEquals(0, failuresOf(pipeline, sources, expected), "it is there again");
  }

  /** How many pictures there is no memory for; the others' maps are as expected. */
  private static long failuresOf(Pipeline pipeline, List<Source> sources, List<float[]> expected) {
    List<RuntimeException> failures = new ArrayList<>();
    AtomicInteger taken = new AtomicInteger();
    pipeline.runSources(
        sources,
        explained -> {
          assertEquals(taken.getAndIncrement(), explained.index());
          explained
              .failure()
              .ifPresentOrElse(
                  failures::add,
                  () ->
                      assertClose(
                          expected.get((int) explained.index()), mapOf(explained), TOLERANCE));
        });
    assertEquals(sources.size(), taken.get());
    failures.forEach(failure -> assertInstanceOf(NativeMemoryException.class, failure));
    assertEquals(0, threadsOfPipelines());
    return failures.size();
  }

  @Test
  void impossibleSettingsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> Pipeline.on(List.of()));
    assertThrows(IllegalArgumentException.class, () -> pipeline().queue(0));
    assertThrows(IllegalArgumentException.class, () -> pipeline().readers(0));
  }
}
