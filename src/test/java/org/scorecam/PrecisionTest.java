package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.error.PrecisionException;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.model.Precision;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;
import org.scorecam.tensor.Tensors;

/** What is scored in which precision, and which is refused. */
class PrecisionTest {
  private static final double LEAST_CORRELATION = 0.99;
  private static final double ROUGH_CORRELATION = 0.98;
  private static final double TOLERANCE = 1e-5;

  private static final String INSTEAD =
      "\\[float32 was used instead of %s: on this machine it takes [0-9.]+ ms for a masked input,"
          + " float32 [0-9.]+\\]";

  private static final Map<String, HookedModel> MODELS = new HashMap<>();

  @TempDir Path folder;

  @AfterAll
  static void close() {
    MODELS.values().forEach(HookedModel::close);
    MODELS.clear();
  }

  private static HookedModel model(String file) {
    return MODELS.computeIfAbsent(file, Goldens::model);
  }

  @Test
  void precisionsAreFoundByName() {
    for (Precision precision : Precision.values()) {
      assertSame(precision, Precision.named(precision.toString()));
    }
    assertSame(Precision.BFLOAT16, Precision.named("BFloat16"));
    assertEquals("float32", Precision.FLOAT32.toString());
    assertEquals(ScalarType.Float, Precision.TF32.dtype());
    assertEquals(ScalarType.Half, Precision.FLOAT16.dtype());
    assertEquals(
        "'fp16' is not a precision; the precisions are float32, tf32, bfloat16, float16",
        assertThrows(IllegalArgumentException.class, () -> Precision.named("fp16")).getMessage());
  }

  static List<Goldens.Case> cases() throws IOException {
    return Goldens.cases().stream()
        .filter(golden -> golden.text("model").matches("tiny(resnet|vgg|gray|dead|seg)_script.pt"))
        .toList();
  }

  private static ScoreCam.Builder on(HookedModel model, Goldens.Case golden) {
    return ScoreCam.on(model)
        .layer(golden.text("layer"))
        .recipe(golden.recipe())
        .channels(golden.channels());
  }

  private static float[] map(ScoreCam.Builder builder, Tensor input, Target target) {
    try (ScoreCam cam = builder.build();
        Saliency saliency = cam.explain(input, target)) {
      return Tensors.toArray(saliency.tensor());
    }
  }

  /**
   * Scored in bfloat16 whatever its speed, and where it would be refused for this input: how sums
   * are rounded depends on the processor, and so does which of these small networks falls just
   * short of 0.99.
   */
  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void mapsInBfloat16AreLikeThoseInFloat32(Goldens.Case golden) {
    HookedModel model = model(golden.text("model"));
    try (Tensor input = Goldens.tensor(golden.text("input"));
        Tensor exact = Goldens.tensor(golden.text("map"))) {
      Scorer scorer = model.scorer(Precision.BFLOAT16, InputShape.ofRowsIn(input));
      assertEquals(ScalarType.BFloat16, scorer.dtype());
      WatchedModel reduced = new WatchedModel(model).scoredBy(scorer);
      MapAgreement agreement =
          MapAgreement.of(Tensors.toArray(exact), map(on(reduced, golden), input, golden.target()));
      assertTrue(
          agreement.correlation() >= ROUGH_CORRELATION || agreement.largestDifference() == 0,
          agreement.toString());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"bfloat16", "float16"})
  void aReducedPrecisionHoldsOrSaysWhyNot(String name) {
    HookedModel model = model("tinyresnet_script.pt");
    Target target = Target.ofClass(3);
    ScoreCam.Builder exact = ScoreCam.on(model).layer("layer3");
    try (Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      float[] expected = map(exact, input, target);
      try (ScoreCam cam =
              ScoreCam.on(model).layer("layer3").precision(Precision.named(name)).build();
          Saliency saliency = cam.explain(input, target)) {
        float[] actual = Tensors.toArray(saliency.tensor());
        assertTrue(MapAgreement.of(expected, actual).correlation() >= LEAST_CORRELATION);
        // Which of the two is faster depends on the machine.
        if (saliency.plan().precision() == Precision.FLOAT32) {
          String notes = saliency.plan().notes().toString();
          assertTrue(notes.matches(INSTEAD.formatted(name)), notes);
        } else {
          assertEquals(Precision.named(name), saliency.plan().precision());
          assertEquals(List.of(), saliency.plan().notes());
        }
        assertEquals(saliency.plan().precision().dtype(), cam.scorer(3, 64, 64).dtype());
      } catch (PrecisionException e) {
        assertTrue(
            e.getMessage().startsWith("the network cannot be run in " + name), e.getMessage());
      }
    }
  }

  @Test
  void theProcessorDecidesWhichPrecisionsAreNative() {
    assertTrue(Precision.FLOAT32.isNativeTo(Device.cpu()));
    assertFalse(Precision.TF32.isNativeTo(Device.cpu()));
    String instructions = torch.get_cpu_capability().getString();
    if (instructions.equals("AVX2")) {
      assertFalse(Precision.BFLOAT16.isNativeTo(Device.cpu()));
    }
    // Every processor of x86 with instructions for the one has those for the other.
    if (Precision.FLOAT16.isNativeTo(Device.cpu()) && instructions.startsWith("AVX512")) {
      assertTrue(Precision.BFLOAT16.isNativeTo(Device.cpu()));
    }
    Device cuda = Device.parse("cuda:0");
    for (Precision precision : Precision.values()) {
      assertTrue(precision.isNativeTo(cuda), precision.toString());
    }
  }

  @Test
  void onlyNativePrecisionsAreTriedForTheFastest() throws Exception {
    try (WatchedModel model =
            new WatchedModel(Goldens.model("tinyresnet_script.pt")).scoredInEachPrecision();
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").batch(64).fastestPrecision().build()) {
      cam.explain(input, Target.ofClass(3)).close();
      boolean tried = model.chunks.contains(4L);
      assertEquals(
          Precision.BFLOAT16.isNativeTo(Device.cpu()) || Precision.FLOAT16.isNativeTo(Device.cpu()),
          tried,
          model.chunks.toString());
    }
  }

  @Test
  void tf32IsForCuda() {
    try (ScoreCam cam =
            ScoreCam.on(model("tinyresnet_script.pt"))
                .layer("layer3")
                .precision(Precision.TF32)
                .build();
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      String message = "tf32 is a precision of CUDA devices; the network is on cpu";
      assertEquals(message, refusal(cam, input));
      assertEquals(
          message,
          assertThrows(PrecisionException.class, () -> cam.scorer(3, 64, 64)).getMessage());
    }
  }

  private static String refusal(ScoreCam cam, Tensor input) {
    return assertThrows(PrecisionException.class, () -> cam.explain(input, Target.ofClass(3)))
        .getMessage();
  }

  @Test
  void aMapThatIsOffIsRefused() {
    String words =
        "bfloat16 is refused: the map of %d masked inputs of this input correlates"
            + " (-?[01]\\.\\d{4}|NaN) with that of float32; at least 0.99 is needed";
    try (HookedModel model = ScriptedModels.fineScores().load(folder);
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      for (ChannelSelection channels :
          List.of(ChannelSelection.all(), ChannelSelection.topMax(4))) {
        try (ScoreCam cam =
            ScoreCam.on(model)
                .layer("maps")
                .channels(channels)
                .precision(Precision.BFLOAT16)
                .build()) {
          // The same each time: what was refused stays refused.
          for (int i = 0; i < 2; i++) {
            String message = refusal(cam, input);
            int passes = Math.min(16, (int) channels.countOf(40));
            assertTrue(message.matches(words.formatted(passes)), channels + message);
          }
        }
      }
      NativeObjects.assertNoneLeftBy(
          () -> {
            try (ScoreCam cam =
                ScoreCam.on(model).layer("maps").precision(Precision.BFLOAT16).build()) {
              refusal(cam, input);
            }
          });
    }
  }

  @Test
  void aRefusedPrecisionIsTriedOnce() throws Exception {
    try (WatchedModel model =
            new WatchedModel(ScriptedModels.fineScores().load(folder)).scoredInEachPrecision();
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam = ScoreCam.on(model).layer("maps").precision(Precision.BFLOAT16).build()) {
      Set<String> messages = inThreeThreads(() -> refusal(cam, input));
      int runs = model.chunks.size();
      messages.add(refusal(cam, input));
      assertEquals(1, messages.size(), messages.toString());
      assertTrue(messages.iterator().next().startsWith("bfloat16 is refused: the map"));
      assertEquals(runs, model.chunks.size());
      // It says nothing of inputs of another size.
      try (Tensor quarter = input.narrow(2, 0, 32).narrow(3, 0, 32).contiguous()) {
        refusal(cam, quarter);
      }
      assertTrue(model.chunks.size() > runs, "inputs of another size were not tried");
    }
  }

  private static <T> Set<T> inThreeThreads(Callable<T> work) throws Exception {
    int threads = 3;
    CyclicBarrier together = new CyclicBarrier(threads);
    Callable<T> started =
        () -> {
          together.await();
          return work.call();
        };
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    Set<T> results = new HashSet<>();
    try {
      for (Future<T> each : pool.invokeAll(Collections.nCopies(threads, started))) {
        results.add(each.get());
      }
    } finally {
      pool.shutdownNow();
    }
    return results;
  }

  @Test
  void aPrecisionThatIsNotFasterGivesWayToFloat32() throws Exception {
    try (WatchedModel model = new WatchedModel(Goldens.model("tinyresnet_script.pt"));
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam exact = ScoreCam.on(model).layer("layer3").batch(64).build();
        Saliency expected = exact.explain(input, Target.ofClass(3));
        ScoreCam cam =
            ScoreCam.on(model).layer("layer3").batch(64).precision(Precision.BFLOAT16).build()) {
      model.chunks.clear();
      // In the trial they take turns with chunks of 4, and float32 is the first.
      AtomicInteger turns = new AtomicInteger();
      model.beforeChunk =
          rows -> Computation.ofMillis(rows == 4 && turns.incrementAndGet() % 2 == 0 ? 100 : 0);
      Set<List<String>> notes =
          inThreeThreads(
              () -> {
                try (Saliency saliency = cam.explain(input, Target.ofClass(3))) {
                  assertClose(expected.tensor(), saliency.tensor(), TOLERANCE);
                  assertEquals(Precision.FLOAT32, saliency.plan().precision());
                  return saliency.plan().notes();
                }
              });
      assertEquals(1, notes.size(), notes.toString());
      assertTrue(
          notes.toString().matches("\\[" + INSTEAD.formatted("bfloat16") + "\\]"), "" + notes);
      // One trial, of chunks of 4, and an explanation by each thread, of one chunk.
      assertEquals(3, model.chunks.stream().filter(rows -> rows == 64).count());
      model.chunks.clear();
      cam.explain(input, Target.ofClass(3)).close();
      assertEquals(List.of(64L), model.chunks);
    }
  }

  @Test
  void aBlankMapDecidesNothing() {
    try (WatchedModel model = new WatchedModel(ScriptedModels.blankMaps().load(folder));
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam =
            ScoreCam.on(model).layer("maps").batch(8).precision(Precision.BFLOAT16).build()) {
      for (int i = 0; i < 2; i++) {
        model.chunks.clear();
        try (Saliency saliency = cam.explain(input, Target.ofClass(0))) {
          assertEquals(Precision.FLOAT32, saliency.plan().precision());
          assertTrue(
              saliency.plan().notes().toString().contains("do not show how exact it is"),
              saliency.plan().notes().toString());
        }
        assertTrue(model.chunks.contains(4L), "not tried again: " + model.chunks);
      }
    }
  }

  @Test
  void theFastestIsFloat32WhereNothingElseHolds() {
    try (HookedModel model = ScriptedModels.fineScores().load(folder);
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      Target target = Target.ofClass(1);
      float[] expected = map(ScoreCam.on(model).layer("maps"), input, target);
      try (ScoreCam cam = ScoreCam.on(model).layer("maps").fastestPrecision().build()) {
        for (int i = 0; i < 2; i++) {
          try (Saliency saliency = cam.explain(input, target)) {
            assertClose(expected, Tensors.toArray(saliency.tensor()), TOLERANCE);
          }
        }
        assertEquals(ScalarType.Float, cam.scorer(3, 64, 64).dtype());
        assertSame(
            model.scorer(Precision.FLOAT32, InputShape.of(3, 64, 64)), cam.scorer(3, 64, 64));
      }
    }
  }

  @Test
  void theFastestHoldsWhateverItIs() {
    HookedModel model = model("tinyvgg_script.pt");
    Target target = Target.ofClass(5);
    try (Tensor input = Goldens.tensor("tinyvgg.input.npy")) {
      float[] expected = map(ScoreCam.on(model).layer("features"), input, target);
      float[] actual = map(ScoreCam.on(model).layer("features").fastestPrecision(), input, target);
      assertTrue(MapAgreement.of(expected, actual).correlation() >= LEAST_CORRELATION);
    }
  }
}
