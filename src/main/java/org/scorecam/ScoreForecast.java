package org.scorecam;

import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.runtime.NativeScope;

/**
 * Predicts the scores of masked inputs from those of others of the same image and layer.
 *
 * <p>A score depends on the mask alone, and inputs under similar masks score alike. This is
 * ordinary kriging, in other words regression with a Gaussian process of unknown mean. With Mᵢ for
 * a mask at the layer's size, d²ᵢⱼ = |Mᵢ − Mⱼ|², m for the median of these, y for the n scores that
 * are known, k for their masks and u, v for others:
 *
 * <pre>
 *   Rᵢⱼ = exp(−d²ᵢⱼ / 3m)                               how alike two scores are
 *   C   = Rₖₖ + η·I                                     η: what the masks do not tell of a score
 *   μ   = 1ᵀC⁻¹y / 1ᵀC⁻¹1                               the mean
 *   σ²  = (y − μ)ᵀC⁻¹(y − μ) / (n − 1)
 *   ŷᵤ  = μ + RᵤₖC⁻¹(y − μ)                             what is expected
 *   Σᵤᵥ = σ²·(Rᵤᵥ + η·[u = v] − RᵤₖC⁻¹Rₖᵥ
 *             + (1 − RᵤₖC⁻¹1)·(1 − RᵥₖC⁻¹1) / 1ᵀC⁻¹1)   how it may be off
 * </pre>
 *
 * <p>Of four η the one is taken whose restricted likelihood, −½·((n − 1)·log σ² + log det C + log
 * 1ᵀC⁻¹1), is largest. Where masks tell nothing, it is the largest of them, what is expected comes
 * near the mean, and Σ near the scores' own variance.
 *
 * <p>See Cressie, Statistics for Spatial Data, 1993, 3.2, and Rasmussen and Williams, Gaussian
 * Processes for Machine Learning, 2006, 2.7.
 */
final class ScoreForecast implements AutoCloseable {
  private static final double[] UNTOLD = {0.03, 0.1, 0.3, 1};

  /** In medians of the squared distances. */
  private static final double REACH = 3;

  /**
   * Larger maps are averaged to so many places in each dimension: finer differences tell no more.
   */
  private static final long MOST_PLACES = 8;

  /** So many masks are enough for the median of their distances. */
  private static final long MEDIAN_OF = 256;

  private final Tensor masks; // [P, places], float64 on the CPU
  private final double scale;

  /**
   * Prepares to predict; needs an open scope.
   *
   * @param maps activation maps [P, …], one for each masked input, on the CPU
   */
  ScoreForecast(Tensor maps) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor places = maps.flatten(1, -1);
      Tensor lowest = places.amin(new long[] {1}, true);
      Tensor range = places.amax(new long[] {1}, true).sub(lowest);
      // The mask of a constant map is 0.
      Tensor scaled =
          places.sub(lowest).div(range.where(range.ne(new Scalar(0.0)), new Scalar(1.0)));
      Tensor averaged = averaged(scaled.view(maps.shape()).unsqueeze(1));
      this.masks = scope.keep(averaged.flatten(1, -1).to(ScalarType.Double).contiguous());
      Tensor some =
          masks.slice(
              0, new LongOptional(), new LongOptional(), Math.max(1, masks.size(0) / MEDIAN_OF));
      Tensor distances = torch.cdist(some, some).square();
      Tensor apart = distances.masked_select(distances.gt(new Scalar(0.0)));
      this.scale = REACH * (apart.numel() == 0 ? 1 : apart.median().item_double());
    }
  }

  /** Masks [P, 1, …] of no more than so many places in each dimension. */
  private static Tensor averaged(Tensor masks) {
    long[] size = masks.shape();
    long[] places = new long[size.length - 2];
    for (int i = 0; i < places.length; i++) {
      places[i] = Math.min(size[i + 2], MOST_PLACES);
    }
    return switch (places.length) {
      case 1 -> torch.adaptive_avg_pool1d(masks, places);
      case 2 -> torch.adaptive_avg_pool2d(masks, places);
      default -> torch.adaptive_avg_pool3d(masks, places);
    };
  }

  /**
   * What is expected of some scores, float64 on the CPU.
   *
   * @param mean ŷ [u]
   * @param covariance Σ [u, u]
   */
  record Expectation(Tensor mean, Tensor covariance) {}

  /** The correlation matrix R of chosen masks; needs an open scope. */
  private Tensor likeness(Tensor some, Tensor others) {
    Tensor distances =
        torch.cdist(masks.index_select(0, some), masks.index_select(0, others)).square();
    return distances.mul(new Scalar(-1 / scale)).exp();
  }

  /**
   * Predicts scores; needs an open scope, which owns the result.
   *
   * @param known indices [n] of at least two masked inputs
   * @param scores theirs, float64 [n]
   * @param unknown indices [u] of those that are asked for
   */
  Expectation expect(Tensor known, Tensor scores, Tensor unknown) {
    long n = known.numel();
    Tensor identity = torch.eye(n, scores.options());
    Tensor among = likeness(known, known);
    double best = Double.NEGATIVE_INFINITY;
    double untold = 0;
    Tensor factor = null;
    for (double eta : UNTOLD) {
      Tensor tried = torch.linalg_cholesky(among.add(identity.mul(new Scalar(eta))));
      double likelihood = likelihood(new Fit(tried, scores), tried);
      if (factor == null || likelihood > best) {
        best = likelihood;
        untold = eta;
        factor = tried;
      }
    }
    Fit fit = new Fit(factor, scores);
    Tensor toKnown = torch.linalg_solve_triangular(factor, likeness(known, unknown), false);
    Tensor mean = toKnown.t().mv(fit.residuals).add(new Scalar(fit.mean));
    Tensor unexplained = toKnown.t().mv(fit.ones).neg().add(new Scalar(1.0));
    Tensor covariance =
        likeness(unknown, unknown)
            .sub(toKnown.t().mm(toKnown))
            .add(unexplained.outer(unexplained).div(new Scalar(fit.onesSquared)));
    covariance.diagonal().add_(new Scalar(untold));
    return new Expectation(mean, covariance.mul_(new Scalar(fit.variance)));
  }

  /** With L for the factor of C = LLᵀ: L⁻¹1, 1ᵀC⁻¹1, μ, L⁻¹(y − μ) and σ². */
  private static final class Fit {
    private final Tensor ones;
    private final double onesSquared;
    private final double mean;
    private final Tensor residuals;
    private final double variance;

    private Fit(Tensor factor, Tensor scores) {
      Tensor columns = torch.stack(new TensorVector(torch.ones_like(scores), scores), 1);
      Tensor solved = torch.linalg_solve_triangular(factor, columns, false);
      this.ones = solved.select(1, 0);
      this.onesSquared = ones.dot(ones).item_double();
      this.mean = ones.dot(solved.select(1, 1)).item_double() / onesSquared;
      this.residuals = solved.select(1, 1).sub(ones.mul(new Scalar(mean)));
      this.variance = residuals.dot(residuals).item_double() / (scores.numel() - 1);
    }
  }

  private static double likelihood(Fit fit, Tensor factor) {
    double logDeterminant = 2 * factor.diagonal().log().sum().item_double();
    return -((factor.size(0) - 1) * Math.log(fit.variance)
            + logDeterminant
            + Math.log(fit.onesSquared))
        / 2;
  }

  @Override
  public void close() {
    masks.close();
  }
}
