package org.scorecam;

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
  };

  /** One weight for each score; a score that is not finite gets none. */
  abstract double[] weights(float[] scores);
}
