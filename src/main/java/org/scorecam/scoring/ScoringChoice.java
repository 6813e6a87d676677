package org.scorecam.scoring;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.scorecam.error.PrecisionException;
import org.scorecam.error.ScoreCamException;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.model.Precision;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.CoreShare;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.Findings;
import org.scorecam.runtime.LibTorch;

/**
 * Tries, decides and remembers how one {@link PassScoring} scores inputs of a size: by which of the
 * network's scorers, in which precision, and in chunks of how many rows. Safe for several threads.
 *
 * <p>A precision is tried with the first input of each size; rows, with those before it.
 */
final class ScoringChoice {
  private static final System.Logger LOG = System.getLogger(ScoringChoice.class.getName());

  /**
   * Of the memory that is available, what the chunks of a call may take if nothing else is said.
   */
  private static final int SHARE = 4;

  /** So many passes of the network as it is take less time than preparing it would spare them. */
  private static final long FEW_PASSES = 16;

  private final HookedModel model;
  private final Device device;
  private final Optional<Precision> asked;

  /** 0 for as many as are best. */
  private final long givenRows;

  /** Chunks that may be scored beside each other; 0 for as many as are best. */
  private final int givenWorkers;

  private final long budget;
  private final Map<SizeClass, Decision> decisions = new HashMap<>();

  /** Passes that were decided on. */
  private long decidedPasses;

  /** Why the precision that was asked for does not hold, for the sizes where that is known. */
  private final Map<SizeClass, PrecisionException> refusals = new HashMap<>();

  /**
   * How inputs are scored.
   *
   * @param precision of the network and its inputs
   * @param note why it is not the one that was asked for
   * @param lasting whether it holds for all inputs of the size
   * @param unprepared what few passes go through
   */
  record Decision(
      Precision precision, Optional<String> note, boolean lasting, Optional<Scorer> unprepared) {
    private static Decision of(Precision precision) {
      return new Decision(precision, Optional.empty(), true, Optional.empty());
    }
  }

  /**
   * A choice still to be made.
   *
   * @param asked nothing for the fastest precision
   * @param settings of the chunks
   */
  ScoringChoice(HookedModel model, Optional<Precision> asked, PassSettings<?> settings) {
    this.model = model;
    this.device = model.device();
    this.asked = asked;
    this.givenRows = settings.rows();
    this.givenWorkers = settings.mostWorkers();
    this.budget =
        givenRows > 0 ? Long.MAX_VALUE : settings.memoryLimit().orElseGet(() -> shareOf(device));
  }

  private static long shareOf(Device device) {
    // What the process keeps for chunks to come counts as taken: emptying that would slow down
    // whoever runs beside us.
    OptionalLong available = DeviceMemory.of(device).available();
    return available.isPresent() ? available.getAsLong() / SHARE : Long.MAX_VALUE;
  }

  /** What is decided for so many passes; before that, what was asked for. */
  synchronized Decision knownFor(long passes, InputShape shape) {
    return unprepared(passes, shape).orElseGet(() -> known(shape));
  }

  /** By the network as it is, if these passes are few with those before. */
  private Optional<Decision> unprepared(long passes, InputShape shape) {
    boolean few =
        decidedPasses + passes <= FEW_PASSES
            && givenRows == 0
            && asked.equals(Optional.of(Precision.FLOAT32));
    return few
        ? model
            .unpreparedScorer(shape)
            .map(
                scorer ->
                    new Decision(Precision.FLOAT32, Optional.empty(), false, Optional.of(scorer)))
        : Optional.empty();
  }

  /** What is decided for a size; before that, what was asked for. */
  synchronized Decision known(InputShape shape) {
    Decision known = decisions.get(SizeClass.of(shape));
    return known == null ? Decision.of(asked.orElse(Precision.FLOAT32)) : known;
  }

  /** The scorer for inputs of a shape. */
  Scorer scorer(Decision decision, InputShape shape) {
    return decision.unprepared.orElseGet(() -> model.scorer(decision.precision, shape));
  }

  /** What the rows of chunks hold for these inputs. */
  ScoredRows rows(Decision decision, List<? extends MaskedInputs> inputs, InputShape shape) {
    // Rows that are given may take whatever they take; what is kept beside them may not.
    long limit = budget == Long.MAX_VALUE ? shareOf(device) : budget;
    return ScoredRows.fastest(inputs, scorer(decision, shape), shape, limit);
  }

  /**
   * The chunks for so many passes.
   *
   * @param kept bytes that are kept beside the chunks
   */
  ChunkPlan plan(Decision decision, InputShape shape, long passes, long kept) {
    ChunkRows.Request request = request(decision, shape, kept);
    ChunkRows rows = ChunkRows.knownOf(request);
    if (decision.unprepared.isPresent()) {
      return rows.unprepared(request, passes);
    }
    ChunkPlan plan =
        givenRows > 0 ? rows.given(request, givenRows, passes) : rows.best(request, passes);
    return decision.note.map(plan::noting).orElse(plan);
  }

  /** Remembers for a while, for all who use the scorer, that so many rows did not fit. */
  void tooMany(Decision decision, InputShape shape, long rows) {
    ChunkRows.Request request = request(decision, shape, 0);
    ChunkRows.knownOf(request).tooMany(request, rows);
  }

  private ChunkRows.Request request(Decision decision, InputShape shape, long kept) {
    return new ChunkRows.Request(
        scorer(decision, shape),
        givenWorkers == 0 ? model.findings() : Findings.none(),
        device,
        shape,
        mostWorkers(),
        // What is faster together where cores are free is not where threads wait for each other's.
        givenWorkers == 0 && !CoreShare.isScarce(),
        budget - kept);
  }

  private int mostWorkers() {
    // Chunks on a device of its own wait for each other there, and threads whose number is the
    // process's would not have one each.
    boolean possible = device.type() == Device.Type.CPU && LibTorch.countsForEachThread();
    return !possible ? 1 : givenWorkers > 0 ? givenWorkers : LibTorch.threads();
  }

  /**
   * Decides on the precision for a size, if nothing is decided, and whether these passes are few.
   *
   * @param sample at least one masked input of this size
   * @param passes of all that are to be scored
   * @throws PrecisionException if the precision that was asked for does not hold; with the words
   *     that were thrown when it was tried, if it was before
   */
  synchronized Decision decide(MaskedInputs sample, InputShape shape, long passes) {
    Optional<Decision> unprepared = unprepared(passes, shape);
    decidedPasses += passes;
    if (unprepared.isPresent()) {
      return unprepared.get();
    }
    SizeClass size = SizeClass.of(shape);
    PrecisionException refusal = refusals.get(size);
    if (refusal != null) {
      throw new PrecisionException(refusal.getMessage(), refusal);
    }
    if (asked.equals(Optional.of(Precision.FLOAT32)) || decisions.containsKey(size)) {
      return known(shape);
    }
    PrecisionTrial trial = new PrecisionTrial(sample, device, shape, rowsOfTrial(shape));
    Decision decision;
    try {
      decision = asked.isPresent() ? confirmed(asked.get(), trial, shape) : fastest(trial, shape);
    } catch (PrecisionException e) {
      refusals.put(size, e);
      throw e;
    }
    if (decision.lasting) {
      decisions.put(size, decision);
    }
    return decision;
  }

  private int rowsOfTrial(InputShape shape) {
    ChunkRows.Request request = request(Decision.of(Precision.FLOAT32), shape, 0);
    return (int) ChunkRows.knownOf(request).fitting(request, PrecisionTrial.ROWS);
  }

  private Decision confirmed(Precision precision, PrecisionTrial trial, InputShape shape) {
    PrecisionTrial.Finding finding =
        trial.compare(model.scorer(Precision.FLOAT32, shape), model.scorer(precision, shape));
    Optional<String> disagreement = finding.disagreement();
    if (disagreement.isPresent()) {
      throw new PrecisionException("%s is refused: %s".formatted(precision, disagreement.get()));
    }
    Optional<String> note =
        finding
            .drawback()
            .map(words -> "float32 was used instead of %s: %s".formatted(precision, words));
    return new Decision(
        note.isPresent() ? Precision.FLOAT32 : precision,
        note,
        finding.correlation().isPresent(),
        Optional.empty());
  }

  private Decision fastest(PrecisionTrial trial, InputShape shape) {
    Scorer exact = model.scorer(Precision.FLOAT32, shape);
    Precision best = Precision.FLOAT32;
    double gain = 1;
    boolean lasting = true;
    for (Precision precision : Precision.values()) {
      if (precision == Precision.FLOAT32 || !precision.isNativeTo(device)) {
        continue;
      }
      try {
        PrecisionTrial.Finding finding = trial.compare(exact, model.scorer(precision, shape));
        Optional<String> flaw = finding.disagreement().or(finding::drawback);
        LOG.log(
            System.Logger.Level.DEBUG, "{0}: {1}", precision, flaw.orElse("as good as float32"));
        lasting &= finding.correlation().isPresent();
        double ratio = finding.reducedMillis() / finding.exactMillis();
        if (flaw.isEmpty() && ratio < gain) {
          best = precision;
          gain = ratio;
        }
      } catch (ScoreCamException e) {
        LOG.log(System.Logger.Level.DEBUG, "a precision that does not work here", e);
      }
    }
    return new Decision(best, Optional.empty(), lasting, Optional.empty());
  }
}
