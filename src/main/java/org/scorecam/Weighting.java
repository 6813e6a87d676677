package org.scorecam;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** How the scores of the masked inputs become channel weights. */
public enum Weighting {
  /** wₖ = exp sₖ / Σⱼ exp sⱼ over the channels that were scored. */
  SOFTMAX {
    @Override
    double[] weights(float[] scores) {
      double highest = Double.NEGATIVE_INFINITY;
      for (float score : scores) {
        highest = Float.isFinite(score) ? Math.max(highest, score) : highest;
      }
      double[] weights = new double[scores.length];
      double sum = 0;
      for (int k = 0; k < scores.length; k++) {
        weights[k] = Float.isFinite(scores[k]) ? Math.exp(scores[k] - highest) : 0;
        sum += weights[k];
      }
      for (int k = 0; k < scores.length && sum > 0; k++) {
        weights[k] /= sum;
      }
      return weights;
    }

    @Override
    Tensor weights(Tensor scores) {
      Tensor finite = scores.isfinite();
      Tensor weights = torch.softmax(scores.where(finite, new Scalar(Double.NEGATIVE_INFINITY)), 0);
      // Not NaN where no score is finite.
      return weights.where(finite, new Scalar(0.0));
    }

    @Override
    boolean hasLogarithm(float score) {
      return true;
    }

    @Override
    double logarithm(float score) {
      return score;
    }

    @Override
    double scoreOf(double logarithm) {
      return logarithm;
    }
  },
  /** wₖ = sₖ. */
  SCORE {
    @Override
    double[] weights(float[] scores) {
      double[] weights = new double[scores.length];
      for (int k = 0; k < scores.length; k++) {
        weights[k] = Float.isFinite(scores[k]) ? scores[k] : 0;
      }
      return weights;
    }

    @Override
    Tensor weights(Tensor scores) {
      return scores.where(scores.isfinite(), new Scalar(0.0));
    }

    @Override
    boolean hasLogarithm(float score) {
      return score > 0;
    }

    @Override
    double logarithm(float score) {
      return Math.log(score);
    }

    @Override
    double scoreOf(double logarithm) {
      return Math.exp(logarithm);
    }
  };

  /** One weight for each score; a score that is not finite gets none. */
  abstract double[] weights(float[] scores);

  /** The same of float64 [K], where they are; needs an open scope. */
  abstract Tensor weights(Tensor scores);

  /** Whether a score's weight is above 0. */
  abstract boolean hasLogarithm(float score);

  /** The logarithm of a score's weight, but for a number that is the same for all scores. */
  abstract double logarithm(float score);

  /** The score whose weight has a logarithm. */
  abstract double scoreOf(double logarithm);
}
