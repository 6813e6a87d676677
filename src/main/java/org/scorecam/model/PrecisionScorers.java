package org.scorecam.model;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * How a network scores in one precision: in the way that was fastest when it was tried, and in the
 * plain way for inputs of a shape for which the fastest computes something else.
 */
final class PrecisionScorers implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(PrecisionScorers.class.getName());

  /** So many shapes are remembered; one that is forgotten is checked again. */
  private static final int SHAPES = 1024;

  private final NetworkScorer fastest;
  private final Supplier<NetworkScorer> plainOne;

  /** Null until it is needed. */
  private NetworkScorer plain;

  /** Whether the fastest computes the same for a shape; those seen last. */
  private final Map<InputShape, Boolean> agreement =
      Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true));

  /**
   * Takes over what trials found.
   *
   * @param fastest for inputs of a shape; owned by this object
   * @param plainOne makes the plain scorer
   */
  PrecisionScorers(NetworkScorer fastest, InputShape shape, Supplier<NetworkScorer> plainOne) {
    this.fastest = fastest;
    this.plainOne = plainOne;
    agreement.put(shape, true);
  }

  /**
   * The scorer for inputs of a shape.
   *
   * @param computesTheSame tells of a scorer whether it does, for one of these inputs
   */
  NetworkScorer forShape(InputShape shape, Predicate<NetworkScorer> computesTheSame) {
    Boolean agrees = agreement.get(shape);
    if (agrees == null) {
      agrees = computesTheSame.test(fastest);
      remember(shape, agrees);
      if (!agrees) {
        LOG.log(
            System.Logger.Level.DEBUG,
            "{0}: another output for {1}, which is scored plainly",
            fastest.description(),
            shape);
      }
    }
    if (agrees) {
      return fastest;
    }
    if (plain == null) {
      plain = plainOne.get();
      fastest.oneByOne().ifPresent(plain::takeOneRow);
    }
    return plain;
  }

  private void remember(InputShape shape, boolean agrees) {
    synchronized (agreement) { // Which those who capture read meanwhile.
      agreement.put(shape, agrees);
      if (agreement.size() > SHAPES) {
        agreement.remove(agreement.keySet().iterator().next());
      }
    }
  }

  /**
   * The program that inputs of a shape are scored by.
   *
   * @return nothing if there is none, it is not known to compute the same for such inputs, or rows
   *     must be given one at a time
   */
  Optional<FrozenScorer> programFor(InputShape shape) {
    boolean agrees = fastest.oneByOne().isEmpty() && Boolean.TRUE.equals(agreement.get(shape));
    return agrees ? fastest.program() : Optional.empty();
  }

  @Override
  public void close() {
    fastest.close();
    if (plain != null) {
      plain.close();
    }
  }
}
