package org.scorecam;

/**
 * What happened on the way to a saliency map.
 *
 * @param channels of the target layer
 * @param scoredChannels channels that got a score
 * @param samples masked inputs of each mask: 1, or those of a {@link
 *     org.scorecam.mask.MaskSampling}
 * @param passes masked inputs that the network ran: fewer than the samples of the scored channels
 *     where several have the same masked input
 * @param constantChannels selected channels whose map has one value everywhere
 * @param nonFiniteChannels selected channels left out because their map holds NaN or an infinity
 * @param nonFiniteScores scored channels that got no weight because their score was not finite
 * @param blank whether the map is 0 everywhere, as it is where every weighted sum is negative
 * @param softmaxOfOneValue whether the recipe scored the softmax of a single value, so that every
 *     score is 1 and the map shows how active the layer is, not what speaks for the target
 */
public record SaliencyStatus(
    long channels,
    long scoredChannels,
    long samples,
    long passes,
    long constantChannels,
    long nonFiniteChannels,
    long nonFiniteScores,
    boolean blank,
    boolean softmaxOfOneValue) {

  /** Of scores that say something. */
  SaliencyStatus(
      long channels,
      long scoredChannels,
      long passes,
      long constantChannels,
      long nonFiniteChannels,
      long nonFiniteScores,
      boolean blank) {
    this(
        channels,
        scoredChannels,
        1,
        passes,
        constantChannels,
        nonFiniteChannels,
        nonFiniteScores,
        blank,
        false);
  }

  /** The same, for scores that are all 1. */
  SaliencyStatus withSoftmaxOfOneValue() {
    return new SaliencyStatus(
        channels,
        scoredChannels,
        samples,
        passes,
        constantChannels,
        nonFiniteChannels,
        nonFiniteScores,
        blank,
        true);
  }

  /** The same where every mask went into several masked inputs. */
  SaliencyStatus withSamples(int each) {
    return new SaliencyStatus(
        channels,
        scoredChannels,
        each,
        passes * each,
        constantChannels,
        nonFiniteChannels,
        nonFiniteScores,
        blank,
        softmaxOfOneValue);
  }

  /**
   * How many forward passes were not needed, since another channel had the same masked input.
   *
   * @return the samples of the scored channels less passes
   */
  public long savedPasses() {
    return scoredChannels * samples - passes;
  }

  /**
   * Whether the network or the layer produced NaN or infinities.
   *
   * @return true if it did, for a map or for a score
   */
  public boolean sawNonFinite() {
    return nonFiniteChannels > 0 || nonFiniteScores > 0;
  }

  SaliencyStatus plus(SaliencyStatus other) {
    return new SaliencyStatus(
        channels + other.channels,
        scoredChannels + other.scoredChannels,
        samples,
        passes + other.passes,
        constantChannels + other.constantChannels,
        nonFiniteChannels + other.nonFiniteChannels,
        nonFiniteScores + other.nonFiniteScores,
        blank && other.blank,
        softmaxOfOneValue || other.softmaxOfOneValue);
  }
}
