package org.scorecam;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.scorecam.error.PrecisionException;
import org.scorecam.error.ScoreCamException;
import org.scorecam.model.HookedModel;
import org.scorecam.model.Precision;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;

/**
 * Which precision one {@link ScoreCam} scores with: the one that was asked for, if it holds, or the
 * fastest that does. Decided with the first input; safe for several threads.
 */
final class PrecisionChoice {
  private static final System.Logger LOG = System.getLogger(PrecisionChoice.class.getName());

  private final HookedModel model;
  private final Optional<Precision> asked;
  private Precision decided;

  /** Why the precision that was asked for does not hold; null unless that is known. */
  private volatile PrecisionException refusal;

  /**
   * A choice still to be made.
   *
   * @param asked nothing for the fastest
   */
  PrecisionChoice(HookedModel model, Optional<Precision> asked) {
    this.model = model;
    this.asked = asked;
    if (asked.equals(Optional.of(Precision.FLOAT32))) {
      this.decided = Precision.FLOAT32;
    }
  }

  /** The scorer as far as is decided. */
  synchronized Scorer scorer(long... inputShape) {
    Precision known = decided == null ? asked.orElse(Precision.FLOAT32) : decided;
    return model.scorer(known, inputShape);
  }

  /**
   * Does nothing unless the precision that was asked for is known not to hold.
   *
   * @throws PrecisionException with the words that were thrown when it was tried
   */
  void requireNotRefused() {
    PrecisionException known = refusal;
    if (known != null) {
      throw new PrecisionException(known.getMessage(), known);
    }
  }

  /**
   * The scorer for some explanations, deciding with the first of them if nothing is decided.
   *
   * @throws PrecisionException if the precision that was asked for does not hold
   */
  synchronized Scorer scorer(List<Explanation> explanations, long... inputShape) {
    // Again, since another thread may have tried it meanwhile.
    requireNotRefused();
    Optional<Explanation> sample =
        explanations.stream().filter(explanation -> explanation.passes() > 0).findFirst();
    if (decided == null && sample.isPresent()) {
      PrecisionProbe probe = new PrecisionProbe(sample.get(), model.device(), inputShape);
      try {
        decided = asked.isPresent() ? confirmed(probe, inputShape) : fastest(probe, inputShape);
      } catch (PrecisionException e) {
        refusal = e;
        throw e;
      }
    }
    return scorer(inputShape);
  }

  private Precision confirmed(PrecisionProbe probe, long... inputShape) {
    try (PrecisionProbe.Result exact = probe.run(model.scorer(Precision.FLOAT32, inputShape));
        PrecisionProbe.Result reduced = probe.run(model.scorer(asked.get(), inputShape))) {
      Optional<String> flaw = reduced.flawAgainst(exact);
      if (flaw.isPresent()) {
        throw new PrecisionException("%s is refused: %s".formatted(asked.get(), flaw.get()));
      }
      return asked.get();
    }
  }

  private Precision fastest(PrecisionProbe probe, long... inputShape) {
    try (PrecisionProbe.Result exact = probe.run(model.scorer(Precision.FLOAT32, inputShape))) {
      Precision best = Precision.FLOAT32;
      double fastest = exact.millisPerRow();
      for (Precision precision : reducedOnes()) {
        try (PrecisionProbe.Result result = probe.run(model.scorer(precision, inputShape))) {
          Optional<String> flaw = result.flawAgainst(exact);
          LOG.log(
              System.Logger.Level.DEBUG, "{0}: {1}", precision, flaw.orElse("as good as float32"));
          if (flaw.isEmpty() && result.millisPerRow() < fastest) {
            best = precision;
            fastest = result.millisPerRow();
          }
        } catch (ScoreCamException e) {
          LOG.log(System.Logger.Level.DEBUG, "a precision that does not work here", e);
        }
      }
      return best;
    }
  }

  private List<Precision> reducedOnes() {
    List<Precision> reduced = new ArrayList<>(List.of(Precision.values()));
    reduced.remove(Precision.FLOAT32);
    if (model.device().type() == Device.Type.CPU) {
      reduced.remove(Precision.TF32);
    }
    return reduced;
  }
}
