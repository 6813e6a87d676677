package org.scorecam.model;

import java.util.LinkedHashMap;
import java.util.Map;
import org.scorecam.error.ScoreCamException;

/**
 * How a network scores in one precision: plainly for as long as it is asked for few inputs; then in
 * the way that was fastest when it was tried, and plainly for inputs of a shape for which the
 * fastest computes something else.
 */
final class PrecisionScorers implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(PrecisionScorers.class.getName());

  /**
   * Trials, and packing weights, take about as long as the plain network does for so many inputs;
   * whoever has scored so many will likely score more.
   */
  static final long INPUTS_BEFORE_TRIALS = 64;

  /** So many shapes are remembered; one that is forgotten is checked again. */
  private static final int SHAPES = 1024;

  private final Ways ways;

  /** Inputs that were asked for before the trials. */
  private long inputs;

  /** Null until it is needed. */
  private NetworkScorer plain;

  /** Whether the plain one has shown that it treats each row for itself. */
  private boolean plainHolds;

  /** Null before the trials. */
  private NetworkScorer fastest;

  /** Whether the fastest computes the same for a shape; those seen last. */
  private final Map<InputShape, Boolean> agreement = new LinkedHashMap<>(16, 0.75f, true);

  /** What the network knows of its scorers. */
  interface Ways {
    /** Prepares the network as it is; owned by the caller. */
    NetworkScorer plain();

    /**
     * Finds the fastest way.
     *
     * @param plain one that is at hand already, and stays open; null if there is none
     * @return owned by the caller
     */
    NetworkScorer fastest(InputShape shape, NetworkScorer plain);

    /**
     * Whether a scorer puts out for the first of some rows what the network as it is does for that
     * row alone; throws if the network cannot run it.
     */
    boolean agrees(NetworkScorer scorer, InputShape shape, long rows);
  }

  PrecisionScorers(Ways ways) {
    this.ways = ways;
  }

  /**
   * The scorer for inputs of a shape.
   *
   * @param count how many there will be
   */
  NetworkScorer forShape(InputShape shape, long count) {
    if (fastest == null) {
      inputs = Math.min(inputs, INPUTS_BEFORE_TRIALS) + Math.min(count, INPUTS_BEFORE_TRIALS);
      if (inputs < INPUTS_BEFORE_TRIALS && plainHoldsFor(shape)) {
        return plain;
      }
      fastest = ways.fastest(shape, plain);
      agreement.put(shape, true);
    }
    if (agrees(shape)) {
      return fastest;
    }
    if (plain == null) {
      plain = ways.plain();
    }
    fastest.oneByOne().ifPresent(plain::takeOneRow);
    return plain;
  }

  /** As it is, a network may still take one row at a time only, which trials find out. */
  private boolean plainHoldsFor(InputShape shape) {
    if (plain == null) {
      plain = ways.plain();
    }
    try {
      plainHolds = plainHolds || ways.agrees(plain, shape, 2);
    } catch (ScoreCamException e) {
      LOG.log(System.Logger.Level.DEBUG, "trials will show what is the matter", e);
    }
    return plainHolds;
  }

  private boolean agrees(InputShape shape) {
    Boolean agrees = agreement.get(shape);
    if (agrees == null) {
      agrees = ways.agrees(fastest, shape, 1);
      agreement.put(shape, agrees);
      if (agreement.size() > SHAPES) {
        agreement.remove(agreement.keySet().iterator().next());
      }
      if (!agrees) {
        LOG.log(
            System.Logger.Level.DEBUG,
            "{0}: another output for {1}, which is scored plainly",
            fastest.description(),
            shape);
      }
    }
    return agrees;
  }

  @Override
  public void close() {
    if (fastest != null) {
      fastest.close();
    }
    if (plain != null) {
      plain.close();
    }
  }
}
