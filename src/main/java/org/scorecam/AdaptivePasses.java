package org.scorecam;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.SaliencyStatus.Stop;
import org.scorecam.runtime.NativeScope;

/**
 * Chooses which masked inputs of an image at a layer are scored, round by round, until the map is
 * near enough to the one that all of them would make.
 *
 * <p>The first round has those whose maps vary most, and some of all others. After each, a {@link
 * ScoreForecast} predicts the other scores. With wᵤ for the weight of a pass that is not scored, E
 * for what is expected of it and Cov for how it may be off, and with A for activation maps:
 *
 * <pre>
 *   S  = Σ w·A of the scored + Σ E(w)·A of the others    the map as it stands
 *   e² = Σᵤᵥ Cov(wᵤ, wᵥ)·⟨Aᵤ, Aᵥ⟩ of the others          how far it may be off
 *   ρ  = √(⟨S, S⟩ / (⟨S, S⟩ + 4·e²))                     how it correlates then
 * </pre>
 *
 * <p>⟨ , ⟩ is the scalar product of maps less their means, of which only the places count where S
 * is above 0, since ReLU hides the others. ρ is the correlation of S with a map that is two
 * standard errors off, at right angles to S. Weights that are exponentials of scores, or that are
 * all above 0, are taken as log-normal: the logarithms are predicted, and with ŷ and Σ for what a
 * forecast says, E(wᵤ) = exp(ŷᵤ + Σᵤᵤ/2) and Cov(wᵤ, wᵥ) = E(wᵤ)·E(wᵥ)·(exp Σᵤᵥ − 1).
 *
 * <p>It is over when ρ is what is wanted, for all targets. Until then, the passes follow whose part
 * of e², Σᵥ Cov(wᵤ, wᵥ)·⟨Aᵤ, Aᵥ⟩, is largest.
 */
final class AdaptivePasses implements AutoCloseable {
  /** The passes of a round, or a multiple of it: see {@link #GROWTH}. */
  static final int ROUND = 16;

  private static final int FIRST_ROUND = 2 * ROUND;

  /** So few are always scored. */
  private static final int LEAST = 3 * ROUND;

  /** A round has about this part of what is scored, so that few are needed for many channels. */
  private static final double GROWTH = 0.25;

  /** In standard errors. */
  private static final double CAUTION = 2;

  /** Of a logarithm; what is predicted to vary more could be anything. */
  private static final double MOST_DEVIATION = 5;

  private final double wanted;
  private final Weighting weighting;
  private final Tensor maps; // [P, places], float64 on the CPU
  private final ScoreForecast forecast;

  /** By target; after the last round. */
  private List<Finding> findings = List.of();

  private Optional<Stop> stop = Optional.empty();

  /**
   * What is known of one target's map.
   *
   * @param scores of all passes, what is expected of those that are not scored
   * @param correlation ρ
   * @param shares of each pass in e²/⟨S, S⟩
   */
  @SuppressWarnings("ArrayRecordComponent") // of one explanation, never compared
  private record Finding(float[] scores, double correlation, double[] shares) {}

  /**
   * Chooses nothing yet; needs an open scope.
   *
   * @param wanted the correlation to reach
   * @param maskMaps the activation map [P, …] of which each pass's mask is made
   * @param maps the sum [P, …] of the maps of all channels that share the pass
   */
  AdaptivePasses(double wanted, Weighting weighting, Tensor maskMaps, Tensor maps) {
    this.wanted = wanted;
    this.weighting = weighting;
    try (NativeScope scope = NativeScope.open()) {
      Tensor flat = maps.flatten(1, -1).cpu().to(ScalarType.Double).contiguous();
      this.forecast = new ScoreForecast(maskMaps.cpu());
      this.maps = scope.keep(flat);
    }
  }

  /**
   * Takes in scores and chooses the passes that follow.
   *
   * @param scored the passes that were chosen before
   * @param scoresOfTargets for each target a score of each pass, which counts for those
   * @return none if it is over
   */
  int[] next(BitSet scored, List<float[]> scoresOfTargets) {
    int passes = (int) maps.size(0);
    if (scored.isEmpty()) {
      return passes <= LEAST ? IntStream.range(0, passes).toArray() : first(passes);
    }
    if (stop.isPresent()) {
      return new int[0];
    }
    findings = scoresOfTargets.stream().map(scores -> find(scored, scores, passes)).toList();
    if (scored.cardinality() == passes) {
      stop = Optional.of(passes <= LEAST ? Stop.FEW_CHANNELS : Stop.ALL_SCORED);
    } else if (scored.cardinality() >= LEAST && findings.stream().allMatch(this::isNear)) {
      stop = Optional.of(Stop.CORRELATION_REACHED);
    }
    return stop.isPresent() ? new int[0] : mostDoubtful(scored, passes);
  }

  private boolean isNear(Finding finding) {
    return finding.correlation >= wanted;
  }

  /** Those whose maps vary most, and as many spread over the others. */
  private int[] first(int passes) {
    try (NativeScope scope = NativeScope.open()) {
      int[] order = descending(toArray(maps.std(new long[] {1}, false, false)));
      int strongest = FIRST_ROUND / 2;
      int spread = FIRST_ROUND - strongest;
      return IntStream.concat(
              IntStream.range(0, strongest),
              IntStream.range(0, spread)
                  .map(i -> strongest + i * (passes - strongest - 1) / (spread - 1)))
          .map(place -> order[place])
          .toArray();
    }
  }

  /** Those with the largest shares, of all targets that are not near enough. */
  private int[] mostDoubtful(BitSet scored, int passes) {
    double[] shares = new double[passes];
    for (Finding finding : findings) {
      for (int pass = 0; pass < passes && !isNear(finding); pass++) {
        shares[pass] += finding.shares[pass];
      }
    }
    int count = Math.max(1, (int) (GROWTH * scored.cardinality()) / ROUND) * ROUND;
    return Arrays.stream(descending(shares))
        .filter(pass -> !scored.get(pass))
        .limit(count)
        .toArray();
  }

  private Finding find(BitSet scored, float[] scores, int passes) {
    int[] unknown = IntStream.range(0, passes).filter(pass -> !scored.get(pass)).toArray();
    int[] known = scored.stream().filter(pass -> Float.isFinite(scores[pass])).toArray();
    if (unknown.length == 0) {
      return new Finding(scores, 1, new double[passes]);
    }
    if (known.length < 2) {
      float[] none = scores.clone();
      Arrays.stream(unknown).forEach(pass -> none[pass] = Float.NaN);
      return new Finding(none, 0, new double[passes]);
    }
    try (NativeScope scope = NativeScope.open()) {
      return find(scores, known, unknown);
    }
  }

  private Finding find(float[] scores, int[] known, int[] unknown) {
    boolean logNormal = Arrays.stream(known).allMatch(k -> weighting.hasLogarithm(scores[k]));
    double[] values =
        Arrays.stream(known)
            .mapToDouble(k -> logNormal ? weighting.logarithm(scores[k]) : scores[k])
            .toArray();
    Tensor y = Tensor.create(values);
    Tensor knownPasses = indices(known);
    Tensor unknownPasses = indices(unknown);
    ScoreForecast.Expectation predicted = forecast.expect(knownPasses, y, unknownPasses);
    Tensor weights = y;
    Tensor expected = predicted.mean();
    Tensor covariance = predicted.covariance();
    if (logNormal) {
      Tensor deviation = covariance.diagonal().sqrt();
      Tensor most = torch.full_like(deviation, new Scalar(MOST_DEVIATION));
      Tensor kept = most.minimum(deviation).div(deviation).nan_to_num();
      covariance = covariance.mul(kept.outer(kept));
      expected = expected.add(covariance.diagonal().mul(new Scalar(0.5)));
    }
    float[] filled = scores.clone();
    double[] ofUnknown = toArray(expected);
    for (int i = 0; i < unknown.length; i++) {
      filled[unknown[i]] = (float) (logNormal ? weighting.scoreOf(ofUnknown[i]) : ofUnknown[i]);
    }
    if (logNormal) {
      // In proportion to the largest.
      Tensor largest = y.max();
      weights = y.sub(largest).exp();
      expected = expected.sub(largest).exp();
      covariance = covariance.expm1().mul(expected.outer(expected));
    }
    Tensor others = maps.index_select(0, unknownPasses);
    Tensor map = maps.index_select(0, knownPasses).t().mv(weights).add(others.t().mv(expected));
    Tensor seen = map.relu();
    Tensor centred = seen.sub(seen.mean());
    double square = centred.dot(centred).item_double();
    Tensor seenOfOthers = others.mul(map.gt(new Scalar(0.0)));
    Tensor centredOthers = seenOfOthers.sub(seenOfOthers.mean(new long[] {1}, true, null));
    Tensor products =
        covariance.mm(centredOthers).mul(centredOthers).sum(new long[] {1}, false, null);
    double error = Math.max(0, products.sum().item_double());
    double correlation = square == 0 ? 0 : Math.sqrt(square / (square + CAUTION * CAUTION * error));
    double[] shares = new double[scores.length];
    double[] ofProducts = toArray(products);
    for (int i = 0; i < unknown.length; i++) {
      shares[unknown[i]] = square == 0 ? 0 : ofProducts[i] / square;
    }
    return new Finding(filled, correlation, shares);
  }

  /** A target's score of each pass, what is expected of those that are not scored. */
  float[] scores(int target) {
    return findings.get(target).scores;
  }

  /** ρ of a target. */
  double correlation(int target) {
    return findings.get(target).correlation;
  }

  /** Why it is over, if it is. */
  Optional<Stop> stop() {
    return stop;
  }

  private static Tensor indices(int[] passes) {
    return Tensor.create(Arrays.stream(passes).asLongStream().toArray());
  }

  private static int[] descending(double[] values) {
    return IntStream.range(0, values.length)
        .boxed()
        .sorted((a, b) -> Double.compare(values[b], values[a]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  private static double[] toArray(Tensor vector) {
    double[] values = new double[(int) vector.numel()];
    new DoublePointer(vector.contiguous().data_ptr()).get(values);
    return values;
  }

  @Override
  public void close() {
    maps.close();
    forecast.close();
  }
}
