package org.scorecam.scoring;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.NativeScope;

/**
 * One call of {@link PassScoring#score}: which masked inputs are scored, are being scored, and wait
 * for it. A step scores one chunk; several threads may be at a step each.
 */
final class PassRun implements Workers.Work {
  /** The last chunks are so many times smaller, where they are to be. */
  private static final long SMALLER = 4;

  /** What part of a masked input is 0 at least for others to have much in common with it. */
  private static final float MUCH = 0.2f;

  private final List<? extends MaskedInputs> inputs;
  private final Scorer scorer;
  private final int total;
  private final BooleanSupplier endsSmall;

  /** Held while scores are read, which sources and targets are not asked for by two threads. */
  private final Object reading = new Object();

  // All below under this object's lock.

  /** The passes that nobody has begun, numbered through all sources. */
  private final BitSet waiting = new BitSet();

  /** Those of them that make a good first of a chunk, the best first, and others. */
  private final int[] firsts;

  /** Memory that no step uses, all of one shape. */
  private Deque<Chunk> chunks = new ArrayDeque<>();

  /** Steps that may be beside each other. */
  private int most;

  private int scored;

  /** How many were scored after each step, as far as that is not told yet. */
  private final Deque<Integer> untold = new ArrayDeque<>();

  /** Passes of one source that stand in a chunk's rows one after the other. */
  private record Part(int source, int firstPass, int count, int firstRow) {}

  /**
   * Nothing scored yet.
   *
   * @param endsSmall tells whether the last chunks are to be smaller than the others
   */
  PassRun(ScoredRows rows, BooleanSupplier endsSmall) {
    this.endsSmall = endsSmall;
    this.inputs = rows.inputs();
    this.scorer = rows.scorer();
    this.total = inputs.stream().mapToInt(MaskedInputs::passes).reduce(0, Math::addExact);
    this.firsts = firsts();
    waiting.set(0, total);
  }

  /** The passes whose masked inputs have much in common with others', most of all the first. */
  private int[] firsts() {
    float[] parts = new float[total];
    int pass = 0;
    for (MaskedInputs source : inputs) {
      for (int ofSource = 0; ofSource < source.passes(); ofSource++) {
        parts[pass++] = source.blankPart(ofSource);
      }
    }
    return IntStream.range(0, total)
        .filter(i -> parts[i] >= MUCH)
        .boxed()
        .sorted(Comparator.comparing(i -> -parts[i]))
        .mapToInt(i -> i)
        .toArray();
  }

  /** How many passes are neither scored nor being scored. */
  synchronized int left() {
    return waiting.cardinality();
  }

  int total() {
    return total;
  }

  /** Takes the memory for the steps that follow, of which each uses one chunk. */
  synchronized void use(List<Chunk> memory) {
    chunks = new ArrayDeque<>(memory);
    most = memory.size();
  }

  /** How many passes were scored after the earliest step that this was not asked for yet. */
  synchronized int nextScored() {
    return untold.remove();
  }

  @Override
  public boolean step() {
    Chunk chunk;
    long rows;
    int first;
    BitSet passes = new BitSet();
    synchronized (this) {
      if (waiting.isEmpty()) {
        return false;
      }
      chunk = chunks.pop();
      rows = rowsOf(chunk);
      first = Arrays.stream(firsts).filter(waiting::get).findFirst().orElse(waiting.nextSetBit(0));
      for (int pass = first; pass >= 0; pass = waiting.nextSetBit(0)) {
        waiting.clear(pass);
        passes.set(pass);
        if (passes.cardinality() == rows) {
          break;
        }
      }
    }
    try {
      score(chunk, rows, partsOf(first, passes));
    } catch (RuntimeException | Error e) {
      synchronized (this) {
        waiting.or(passes);
      }
      throw e;
    }
    synchronized (this) {
      chunks.push(chunk);
      scored += passes.cardinality();
      untold.add(scored);
    }
    return true;
  }

  /** How many rows of a chunk the next step has. */
  private long rowsOf(Chunk chunk) {
    long all = chunk.rows().size(0);
    boolean lastOfMany = most > 1 && 2L * waiting.cardinality() <= most * all;
    return lastOfMany && endsSmall.getAsBoolean() ? (all + SMALLER - 1) / SMALLER : all;
  }

  /**
   * The parts of a chunk that begins with one of its passes; the others follow by their numbers.
   */
  private List<Part> partsOf(int first, BitSet passes) {
    if (first == passes.nextSetBit(0)) {
      return partsOf(passes, 0);
    }
    BitSet others = (BitSet) passes.clone();
    others.clear(first);
    BitSet firstAlone = new BitSet();
    firstAlone.set(first);
    List<Part> parts = new ArrayList<>(partsOf(firstAlone, 0));
    parts.addAll(partsOf(others, 1));
    return parts;
  }

  private List<Part> partsOf(BitSet passes, int firstRow) {
    List<Part> parts = new ArrayList<>();
    int row = firstRow;
    int firstOfSource = 0;
    for (int source = 0; source < inputs.size(); source++) {
      int end = firstOfSource + inputs.get(source).passes();
      for (int from = passes.nextSetBit(firstOfSource); from >= 0 && from < end; ) {
        int to = Math.min(passes.nextClearBit(from), end);
        parts.add(new Part(source, from - firstOfSource, to - from, row));
        row += to - from;
        from = passes.nextSetBit(to);
      }
      firstOfSource = end;
    }
    return parts;
  }

  private void score(Chunk chunk, long rowsScored, List<Part> parts) {
    int filled = parts.stream().mapToInt(Part::count).sum();
    ChunkStage.Masks masksStage = new ChunkStage.Masks(filled);
    for (Part part : parts) {
      try (NativeScope scope = NativeScope.open()) {
        Tensor rows = chunk.rows().narrow(0, part.firstRow, part.count);
        inputs.get(part.source).write(part.firstPass, part.count, rows);
      }
    }
    masksStage.commit();
    ChunkStage.Network networkStage = new ChunkStage.Network((int) rowsScored, filled);
    chunk.score(
        scorer,
        rowsScored,
        output -> {
          networkStage.commit();
          synchronized (reading) {
            read(output, parts, filled);
          }
        });
  }

  private void read(ModelOutput output, List<Part> parts, int filled) {
    ChunkStage.Scores scoresStage = new ChunkStage.Scores(filled);
    for (Part part : parts) {
      try (NativeScope scope = NativeScope.open()) {
        MaskedInputs source = inputs.get(part.source);
        source.keep(part.firstPass, source.scoresOf(output, part.firstRow, part.count));
      }
    }
    scoresStage.commit();
  }
}
