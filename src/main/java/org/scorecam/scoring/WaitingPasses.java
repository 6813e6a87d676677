package org.scorecam.scoring;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The passes that nobody has begun, numbered through all sources, and which of them make a chunk.
 *
 * <p>Some of our kernels compute only once what the rows of a chunk have in common with the first
 * one. So each chunk begins with a masked input that is 0 almost everywhere, while there are any;
 * otherwise passes go by their numbers. For one thread at a time.
 */
final class WaitingPasses {
  /** What part of a masked input is 0 at least for others to have much in common with it. */
  private static final float MUCH = 0.2f;

  private final BitSet waiting = new BitSet();

  /** Those that make a good first of a chunk, the best first. */
  private final int[] firsts;

  /**
   * Passes that make a chunk.
   *
   * @param first stands in its first row
   * @param others follow by their numbers
   */
  record Taken(int first, BitSet others) {
    /** Whether the first one's number is the least. */
    boolean isInOrder() {
      return others.isEmpty() || first < others.nextSetBit(0);
    }

    int count() {
      return 1 + others.cardinality();
    }
  }

  /** All passes of some sources. */
  WaitingPasses(List<? extends MaskedInputs> inputs) {
    int total = inputs.stream().mapToInt(MaskedInputs::passes).reduce(0, Math::addExact);
    float[] blankParts = new float[total];
    int pass = 0;
    for (MaskedInputs source : inputs) {
      for (int ofSource = 0; ofSource < source.passes(); ofSource++) {
        blankParts[pass++] = source.blankPart(ofSource);
      }
    }
    waiting.set(0, total);
    firsts =
        IntStream.range(0, total)
            .filter(i -> blankParts[i] >= MUCH)
            .boxed()
            .sorted(Comparator.comparing(i -> -blankParts[i]))
            .mapToInt(i -> i)
            .toArray();
  }

  /** How many there are. */
  int count() {
    return waiting.cardinality();
  }

  /**
   * Takes those of the next chunk; there must be one left.
   *
   * @param rows how many it has room for
   */
  Taken take(long rows) {
    long chunks = (count() + rows - 1) / rows;
    int[] reserved = Arrays.stream(firsts).filter(waiting::get).limit(chunks).toArray();
    int first = reserved.length > 0 ? reserved[0] : waiting.nextSetBit(0);
    waiting.clear(first);
    BitSet others = new BitSet();
    BitSet unreserved = (BitSet) waiting.clone();
    Arrays.stream(reserved).forEach(unreserved::clear);
    take(unreserved, rows - 1, others);
    take(waiting, rows - 1 - others.cardinality(), others);
    return new Taken(first, others);
  }

  /** Moves the first of some waiting passes. */
  private void take(BitSet from, long count, BitSet to) {
    from.stream().limit(count).forEach(to::set);
    waiting.andNot(to);
  }

  /** Takes back what was not scored. */
  void giveBack(Taken taken) {
    waiting.set(taken.first);
    waiting.or(taken.others);
  }
}
