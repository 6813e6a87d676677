/**
 * Numbers that say how good a saliency map is: {@link org.scorecam.eval.Evaluation} computes them
 * for a map, {@link org.scorecam.eval.Metric} says what each is, by which protocol, and where that
 * comes from.
 */
package org.scorecam.eval;
