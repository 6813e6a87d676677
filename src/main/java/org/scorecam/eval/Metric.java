package org.scorecam.eval;

import java.util.Locale;

/**
 * What can be measured of a saliency map.
 *
 * <p>X is the input as the network takes it, after normalisation; E the saliency map, scaled to [0,
 * 1] by (M − min M) / (max M − min M) and then, if it has the layer's size, resized to X's
 * bilinearly (0 where the map has one value everywhere); f the score of the map's target, which is
 * the class's probability unless something else is chosen. The papers leave open what is
 * multiplied, filled in and averaged; where they do, the code that is named here decides.
 */
public enum Metric {
  /**
   * max(0, f(X) − f(X ∘ E)) / (f(X) + 10⁻⁷): the part of the score that goes when X is dimmed by
   * the map, as code that multiplies the normalised input does it, so that what the map leaves out
   * becomes the mean colour of the normalisation. Nothing where f(X) is not above 0. Lower is
   * better.
   *
   * <p>Chattopadhyay et al., Grad-CAM++, WACV 2018, as in torch-cam's {@code ClassificationMetric}.
   * pytorch-grad-cam's {@code DropInConfidence} is the same without the division.
   */
  AVERAGE_DROP,
  /**
   * 1 if f(X ∘ E) &gt; f(X), else 0; on average the share of maps that raise the score. Higher is
   * better.
   *
   * <p>Source as for {@link #AVERAGE_DROP}; pytorch-grad-cam's {@code IncreaseInConfidence}.
   */
  INCREASE,
  /**
   * The harmonic mean of coherency, 1 − complexity and 1 − average drop; 0 where one of these is.
   * Higher is better.
   *
   * <p>Coherency is (1 + r) / 2, with Pearson's r between E and the map that the same method has
   * for X ∘ E and the same target, which costs another explanation; 0 where one of the two maps has
   * one value everywhere. Complexity is the mean of E.
   *
   * <p>Poppi et al., Revisiting the Evaluation of Class Activation Mapping for Explainability, CVPR
   * workshops 2021, as in its code (aimagelab/ADCC), for each map by itself; pytorch-grad-cam's
   * {@code Coherency} and {@code Complexity}.
   */
  ADCC,
  /**
   * The area under f as pixels of X replace those of a {@link Fill}, the highest of E first, equal
   * ones row by row: f(fill) at 0, f(X) at 1, and so many steps of equally many pixels between, of
   * which the last may have fewer. The trapezoidal rule. Higher is better.
   *
   * <p>Petsiuk et al., RISE, BMVC 2018, as in torch-cam's {@code DeletionInsertionMetric}, with 20
   * steps unless something else is chosen. RISE's own code takes 224 pixels a step, and a {@link
   * Fill#BLUR}.
   */
  INSERTION,
  /**
   * The area under f as a {@link Fill} replaces pixels of X, as {@link #INSERTION}. Lower is
   * better.
   *
   * <p>RISE's own code fills with {@link Fill#BLACK}.
   */
  DELETION,
  /**
   * (mean of f without the least relevant − mean of f without the most relevant) / 2: what is
   * removed is imputed from the pixels around it, so that the network does not see where something
   * is missing. At the percentiles p = 10, 20, … 90 of E, what is at or above the p-th is removed
   * as the most relevant, and what is at or above that of 1 − E as the least. Higher is better.
   *
   * <p>A missing pixel is the weighted mean of its eight neighbours (1/6 for those beside, above
   * and below, 1/12 for the diagonal ones; those outside do not count), which are equations where
   * these are missing too; to the solution Gaussian noise of standard deviation 0.01 is added.
   * Where all is missing, it becomes 0 and noise.
   *
   * <p>Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods, ICML
   * 2022, as in pytorch-grad-cam's {@code ROADCombined}. There noise is new at each call; here it
   * comes from a seed, the same for all maps of inputs of one size.
   */
  ROAD,
  /**
   * Σ of E inside of the given boxes / Σ of E: the energy-based pointing game. A pixel is inside if
   * its centre is in any of them. 0 where E is 0 everywhere. Higher is better.
   *
   * <p>Wang et al., Score-CAM, CVPR workshops 2020, as in its code ({@code energy_point_game}).
   */
  ENERGY;

  /**
   * The name.
   *
   * @return such as {@code average-drop}
   */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
