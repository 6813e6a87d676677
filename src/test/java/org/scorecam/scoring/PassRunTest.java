package org.scorecam.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.scorecam.model.InputShape;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Precision;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

class PassRunTest {
  private static final InputShape SHAPE = InputShape.of(1, 2, 2);

  /** How many rows the network was given at a time, and what the first of them held. */
  private final List<Long> rowsSeen = new ArrayList<>();

  private final List<Float> firstSeen = new ArrayList<>();

  /** What part of each masked input is blank; none of those that are not there. */
  private final Map<Integer, Float> blankParts = new HashMap<>();

  /** A masked input is its number, and so is its score. */
  private final class Numbers implements MaskedInputs, Scorer {
    private final int passes;
    private final List<Float> scores = new ArrayList<>();

    Numbers(int passes) {
      this.passes = passes;
    }

    @Override
    public int passes() {
      return passes;
    }

    @Override
    public float blankPart(int pass) {
      return blankParts.getOrDefault(pass, 0f);
    }

    @Override
    public void write(int firstPass, int count, Tensor rows) {
      for (int row = 0; row < count; row++) {
        rows.select(0, row).fill_(new Scalar((float) (firstPass + row)));
      }
    }

    @Override
    public ModelOutput score(Tensor chunk) {
      rowsSeen.add(chunk.size(0));
      firstSeen.add(chunk.select(0, 0).flatten().select(0, 0).item_float());
      try (NativeScope scope = NativeScope.open()) {
        return ModelOutput.of(scope.keep(chunk.amax(new long[] {1, 2, 3}, false)));
      }
    }

    @Override
    public Tensor scoresOf(ModelOutput output, int firstRow, int count) {
      return output.tensor().narrow(0, firstRow, count);
    }

    @Override
    public void keep(int firstPass, Tensor kept) {
      for (long i = 0; i < kept.size(0); i++) {
        scores.add(kept.select(0, i).item_float());
        assertEquals((float) (firstPass + i), scores.get(scores.size() - 1));
      }
    }

    @Override
    public OptionalDouble correlation(float[][] exact, float[][] other) {
      return OptionalDouble.empty();
    }

    @Override
    public Precision precision() {
      return Precision.FLOAT32;
    }

    @Override
    public ScalarType dtype() {
      return ScalarType.Float;
    }

    @Override
    public MemoryFormat memoryFormat() {
      return MemoryFormat.Contiguous;
    }

    @Override
    public String description() {
      return "numbers";
    }
  }

  private Numbers run(int passes, long rows, int chunks, boolean endsSmall) {
    Numbers numbers = new Numbers(passes);
    List<Chunk> memory = new ArrayList<>();
    ChunkRecorder recorder = new ChunkRecorder(Optional.empty());
    try {
      for (int i = 0; i < chunks; i++) {
        Tensor tensor = ChunkPool.allocate(SHAPE.batchOf(rows), numbers, Device.cpu());
        memory.add(new Chunk(tensor, 0, recorder));
      }
      PassRun run =
          new PassRun(ScoredRows.whole(List.of(numbers), numbers, SHAPE), () -> endsSmall);
      run.use(memory);
      int told = 0;
      while (run.step()) {
        told = run.nextScored();
      }
      assertEquals(passes, told);
      assertEquals(0, run.left());
      return numbers;
    } finally {
      memory.forEach(Chunk::close);
    }
  }

  @ParameterizedTest
  @CsvSource({
    // Half of what all workers have at a time is left for small chunks.
    "64, 16, 2, '16 16 16 4 4 4 4'",
    "40, 8, 2, '8 8 8 8 2 2 2 2'",
    "37, 8, 2, '8 8 8 8 2 2 2'",
    "32, 8, 4, '8 8 2 2 2 2 2 2 2 2'",
    // Of few rows, single ones.
    "9, 3, 2, '3 3 1 1 1'",
    // A single worker has nobody who waits.
    "40, 16, 1, '16 16 16'",
  })
  void theLastChunksAreSmallerWhereTheyAreToBe(int passes, long rows, int workers, String sizes) {
    Numbers numbers = run(passes, rows, workers, true);
    List<Long> expected = new ArrayList<>();
    for (String size : sizes.split(" ", -1)) {
      expected.add(Long.parseLong(size));
    }
    assertEquals(expected, rowsSeen);
    assertEquals(passes, numbers.scores.size());
  }

  @Test
  void otherwiseAllChunksHaveOneShape() {
    assertEquals(70, run(70, 16, 2, false).scores.size());
    assertEquals(List.of(16L, 16L, 16L, 16L, 16L), rowsSeen);
  }

  @Test
  void theEmptiestMaskedInputThatIsLeftComesFirst() {
    blankParts.putAll(Map.of(2, 0.5f, 17, 0.9f, 9, 0.7f, 4, 0.1f));
    Numbers numbers = run(20, 5, 1, false);
    // The last chunk has none that is empty.
    assertEquals(List.of(17f, 9f, 2f, 14f), firstSeen);
    assertEquals(
        IntStream.range(0, 20).mapToObj(i -> (float) i).toList(),
        numbers.scores.stream().sorted().toList());
  }
}
