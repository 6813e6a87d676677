package org.scorecam.scoring;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.function.BooleanSupplier;
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

  private final List<? extends MaskedInputs> inputs;
  private final Scorer scorer;
  private final int total;
  private final BooleanSupplier endsSmall;

  /** Held while scores are read, which sources and targets are not asked for by two threads. */
  private final Object reading = new Object();

  // All below under this object's lock.

  private final WaitingPasses waiting;

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
    this.waiting = new WaitingPasses(inputs);
    this.total = waiting.count();
  }

  /** How many passes are neither scored nor being scored. */
  synchronized int left() {
    return waiting.count();
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
    WaitingPasses.Taken passes;
    synchronized (this) {
      if (waiting.count() == 0) {
        return false;
      }
      chunk = chunks.pop();
      rows = rowsOf(chunk);
      passes = waiting.take(rows);
    }
    try {
      score(chunk, rows, partsOf(passes));
    } catch (RuntimeException | Error e) {
      synchronized (this) {
        waiting.giveBack(passes);
      }
      throw e;
    }
    synchronized (this) {
      chunks.push(chunk);
      scored += passes.count();
      untold.add(scored);
    }
    return true;
  }

  /** How many rows of a chunk the next step has. */
  private long rowsOf(Chunk chunk) {
    long all = chunk.rows().size(0);
    boolean lastOfMany = most > 1 && 2L * waiting.count() <= most * all;
    return lastOfMany && endsSmall.getAsBoolean() ? (all + SMALLER - 1) / SMALLER : all;
  }

  private List<Part> partsOf(WaitingPasses.Taken passes) {
    BitSet all = (BitSet) passes.others().clone();
    if (passes.isInOrder()) {
      all.set(passes.first());
      return partsOf(all, 0);
    }
    BitSet first = new BitSet();
    first.set(passes.first());
    List<Part> parts = partsOf(first, 0);
    parts.addAll(partsOf(all, 1));
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
