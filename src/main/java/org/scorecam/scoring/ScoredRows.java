package org.scorecam.scoring;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.model.InputShape;
import org.scorecam.model.Scorer;
import org.scorecam.model.Stem;

/**
 * What the rows of chunks hold, and what scores them: masked inputs and the whole network, or what
 * the network's stem puts out for masked inputs and the rest of the network.
 *
 * @param inputs write the rows
 * @param scorer runs on them
 * @param shape of a row
 * @param bytes that are kept for writing them
 * @param note what is to be said of it in the plan
 */
record ScoredRows(
    List<? extends MaskedInputs> inputs,
    Scorer scorer,
    InputShape shape,
    long bytes,
    Optional<String> note) {
  /** System property: {@code off} has masked inputs written as they are. */
  private static final String SETTING = "scorecam.stem";

  private static final System.Logger LOG = System.getLogger(ScoredRows.class.getName());

  /** Of the memory that chunks may take, what may be kept beside them. */
  private static final int SHARE = 4;

  private static final double MEBIBYTE = 1 << 20;

  /** Masked inputs as they are. */
  static ScoredRows whole(List<? extends MaskedInputs> inputs, Scorer scorer, InputShape shape) {
    return new ScoredRows(inputs, scorer, shape, 0, Optional.empty());
  }

  /**
   * What is faster for these inputs.
   *
   * @param scorer the whole network, which has run
   * @param shape of an input of it
   * @param budget bytes that chunks may take
   */
  static ScoredRows fastest(
      List<? extends MaskedInputs> inputs, Scorer scorer, InputShape shape, long budget) {
    Optional<Stem> stem = scorer.oneByOne().isPresent() ? Optional.empty() : scorer.stem();
    if (stem.isEmpty() || "off".equals(System.getProperty(SETTING))) {
      return whole(inputs, scorer, shape);
    }
    List<MaskedInputs> behind = new ArrayList<>();
    long bytes = 0;
    try {
      for (MaskedInputs source : inputs) {
        Optional<MaskedInputs> written =
            source.passes() == 0
                ? Optional.of(source)
                : source.behind(stem.get(), budget / SHARE / inputs.size());
        if (written.isEmpty()) {
          return whole(inputs, scorer, shape);
        }
        behind.add(written.get());
        bytes += written.get().bytes();
      }
    } catch (NativeMemoryException e) {
      LOG.log(System.Logger.Level.DEBUG, "no memory for what the stem makes of cells", e);
      return whole(inputs, scorer, shape);
    }
    return new ScoredRows(
        behind,
        stem.get().rest(),
        stem.get().outputFor(shape),
        bytes,
        Optional.of(
            "the first convolution is computed from the cells of the maps, for which %.0f MiB are kept"
                .formatted(bytes / MEBIBYTE)));
  }
}
