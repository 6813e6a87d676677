package org.scorecam.scoring;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.LongFunction;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.scorecam.FeatureCam;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.ScoreCam;
import org.scorecam.WatchedModel;
import org.scorecam.error.DeviceException;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.eval.Evaluation;
import org.scorecam.model.InputShape;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Precision;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;
import org.scorecam.tensor.Tensors;

/**
 * When a chunk's run is recorded, replayed and freed; with a recorder that runs the network again,
 * since there may be no GPU.
 */
class RecordedChunksTest {
  private static final InputShape SHAPE = InputShape.of(3, 64, 64);
  private static final int CLASS = 3;

  private WatchedModel model;
  private Replayer recorder;

  @BeforeEach
  void load() {
    model = new WatchedModel(Goldens.model("tinyresnet_script.pt"));
    recorder = new Replayer();
  }

  @AfterEach
  void close() {
    assertEquals(0, recorder.living, "recordings that are left");
    model.close();
  }

  /** Counts what it is asked for. */
  private static final class Replayer implements Recorder {
    private int asked;
    private int recorded;
    private int replayed;
    private int living;

    /** By the rows of a chunk, what is thrown instead of recording it; null for nothing. */
    private LongFunction<RuntimeException> failure = rows -> null;

    @Override
    public Recording record(Supplier<ModelOutput> run) {
      asked++;
      try (ModelOutput output = run.get()) {
        RuntimeException thrown = failure.apply(output.tensor().size(0));
        if (thrown != null) {
          throw thrown;
        }
      }
      recorded++;
      living++;
      return new Recording() {
        private ModelOutput output;
        private boolean closed;

        @Override
        public ModelOutput replay() {
          assertTrue(!closed, "a recording is replayed after it was freed");
          replayed++;
          free();
          output = run.get();
          return output;
        }

        private void free() {
          if (output != null) {
            output.close();
            output = null;
          }
        }

        @Override
        public void close() {
          assertTrue(!closed, "a recording is freed twice");
          closed = true;
          living--;
          free();
        }
      };
    }
  }

  /** Inputs of one value each. */
  private static final class Grey implements MaskedInputs {
    private final float[] scores;

    private Grey(int passes) {
      scores = new float[passes];
    }

    @Override
    public int passes() {
      return scores.length;
    }

    @Override
    public void write(int firstPass, int count, Tensor rows) {
      for (int i = 0; i < count; i++) {
        rows.narrow(0, i, 1).fill_(new Scalar((firstPass + i) / (double) scores.length));
      }
    }

    @Override
    public Tensor scoresOf(ModelOutput output, int firstRow, int count) {
      return output.tensor().narrow(0, firstRow, count).narrow(1, CLASS, 1).to(ScalarType.Float);
    }

    @Override
    public void keep(int firstPass, Tensor read) {
      float[] values = Tensors.toArray(read);
      System.arraycopy(values, 0, scores, firstPass, values.length);
    }

    @Override
    public OptionalDouble correlation(float[][] exact, float[][] other) {
      return OptionalDouble.empty();
    }
  }

  private PassScoring scoring(int rows, Optional<Recorder> by) {
    return new PassScoring(
        model, Optional.of(Precision.FLOAT32), ScoreCam.on(model).batch(rows).workers(1), by);
  }

  private PassScoring recording(int rows) {
    return scoring(rows, Optional.of(recorder));
  }

  private static ChunkPlan score(PassScoring scoring, Grey inputs) {
    return scoring.score(List.of(inputs), SHAPE, inputs.passes(), (scored, total) -> {});
  }

  private float[] expected(int passes) {
    Grey inputs = new Grey(passes);
    try (PassScoring plain = scoring(4, Optional.empty())) {
      score(plain, inputs);
    }
    assertNotEquals(inputs.scores[0], inputs.scores[passes - 1]);
    return inputs.scores;
  }

  @Test
  void aChunkIsRecordedTheSecondTimeAndReplayedFromThenOn() {
    float[] expected = expected(10);
    try (PassScoring scoring = recording(4)) {
      for (int call = 0; call < 2; call++) {
        Grey inputs = new Grey(10);
        ChunkPlan plan = score(scoring, inputs);
        assertArrayEquals(expected, inputs.scores);
        assertEquals(List.of(), plan.notes());
      }
      // Six chunks, of which two are not full.
      assertEquals(1, recorder.recorded);
      assertEquals(5, recorder.replayed);
      assertEquals(1, recorder.living);
    }
  }

  @Test
  void aWarmUpIsTheFirstTime() {
    try (PassScoring scoring = recording(4)) {
      scoring.warmUp(SHAPE, 10);
      assertEquals(0, recorder.asked);
      score(scoring, new Grey(4));
      assertEquals(1, recorder.replayed);
    }
  }

  @Test
  void anotherShapeIsRecordedAnew() {
    try (PassScoring scoring = recording(4)) {
      score(scoring, new Grey(8));
      Grey small = new Grey(8);
      scoring.score(List.of(small), InputShape.of(3, 48, 48), 8, (scored, total) -> {});
      assertEquals(2, recorder.recorded);
      assertEquals(1, recorder.living);
    }
  }

  @Test
  void aRecordingIsOfOneScorerAndOneStream() {
    ChunkPool pool = new ChunkPool(new ChunkRecorder(Optional.of(recorder)));
    long[] shape = SHAPE.batchOf(2);
    Scorer one = model.scorer();
    try (WatchedModel sameAgain = new WatchedModel(Goldens.model("tinyresnet_script.pt"))) {
      Chunk chunk = pool.take(shape, one, Device.cpu(), 5);
      chunk.score(one, output -> {});
      chunk.score(one, output -> {});
      assertEquals(1, recorder.living);
      chunk.score(sameAgain.scorer(), output -> {});
      assertEquals(0, recorder.living);
      chunk.score(sameAgain.scorer(), output -> {});
      assertEquals(1, recorder.living);
      pool.giveBack(chunk);
      assertSame(chunk, pool.take(shape, one, Device.cpu(), 5));
      pool.giveBack(chunk);
      Chunk ofAnother = pool.take(shape, one, Device.cpu(), 6);
      assertNotSame(chunk, ofAnother);
      assertEquals(0, recorder.living);
      pool.giveBack(ofAnother);
    }
    pool.close();
  }

  @Test
  void whatCannotBeRecordedIsRunAsItIs() {
    float[] expected = expected(10);
    recorder.failure = rows -> new IllegalStateException("operation not permitted when capturing");
    try (PassScoring scoring = recording(4)) {
      for (int call = 0; call < 2; call++) {
        Grey inputs = new Grey(10);
        assertEquals(
            List.of("no CUDA graphs are replayed: operation not permitted when capturing"),
            score(scoring, inputs).notes());
        assertArrayEquals(expected, inputs.scores);
      }
      assertEquals(1, recorder.asked);
    }
  }

  @Test
  void chunksAreHalvedUntilTheirRecordingFits() {
    float[] expected = expected(10);
    recorder.failure = rows -> rows > 2 ? new NativeMemoryException("out of memory") : null;
    try (PassScoring scoring = recording(4)) {
      Grey inputs = new Grey(10);
      ChunkPlan plan = score(scoring, inputs);
      assertEquals(2, plan.rows());
      assertEquals(ChunkPlan.Basis.REDUCED, plan.basis());
      assertEquals(List.of(), plan.notes());
      // Four were scored in the first chunk, two in the first of two rows.
      assertEquals(2, recorder.replayed);
      assertClose(expected, inputs.scores);
    }
  }

  @Test
  void whereNoRecordingFitsTheNetworkRunsAsItIs() {
    float[] expected = expected(10);
    recorder.failure = rows -> new NativeMemoryException("out of memory");
    try (PassScoring scoring = recording(4)) {
      Grey inputs = new Grey(10);
      ChunkPlan plan = score(scoring, inputs);
      assertEquals(1, plan.rows());
      assertEquals(List.of("no CUDA graphs are replayed: out of memory"), plan.notes());
      assertClose(expected, inputs.scores);
    }
  }

  private static void assertClose(float[] expected, float[] actual) {
    assertArrayEquals(expected, actual, 1e-4f);
  }

  @Test
  void closingTwiceFreesOnce() {
    PassScoring scoring = recording(4);
    score(scoring, new Grey(8));
    assertEquals(1, recorder.living);
    scoring.close();
    assertEquals(0, recorder.living);
    scoring.close();
  }

  @Test
  void nothingIsLeftBehind() {
    try (PassScoring first = recording(4)) {
      for (int call = 0; call < 8; call++) {
        score(first, new Grey(8));
      }
    }
    NativeObjects.assertNoneLeftBy(
        () -> {
          try (PassScoring scoring = recording(4)) {
            score(scoring, new Grey(12));
          }
        });
  }

  @Test
  void withTheNetworkOnTheProcessorThereAreNone() {
    assertRefused(() -> ScoreCam.on(model).layer("layer3").cudaGraphs(true).build());
    assertRefused(() -> Evaluation.on(model).cudaGraphs(true).build());
    try (var unwatched = Goldens.model("tinyresnet_script.pt")) {
      NativeObjects.assertNoneLeftBy(
          () ->
              assertRefused(
                  () ->
                      FeatureCam.on(unwatched, FeatureCam.Method.ABLATION)
                          .layer("layer3")
                          .cudaGraphs(true)
                          .build()));
    }
  }

  private static void assertRefused(Supplier<AutoCloseable> build) {
    assertEquals(
        "CUDA graphs need a CUDA device; the network is on cpu",
        assertThrows(DeviceException.class, build::get).getMessage());
  }
}
