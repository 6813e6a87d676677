package org.scorecam;

import java.util.Optional;
import java.util.stream.Stream;
import org.scorecam.mask.ChannelSelection;

/**
 * What happened on the way to a saliency map.
 *
 * @param channels of the target layer
 * @param scoredChannels channels that got a score; 0 for a method that scores places instead
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
 * @param estimate how far the map may be from that of all channels, where they were chosen by
 *     {@link ChannelSelection#adaptive(double)}; nothing otherwise
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
    boolean softmaxOfOneValue,
    Optional<Estimate> estimate) {

  /**
   * What is known of a map for which channels were scored in rounds.
   *
   * @param correlation Pearson's with the map of all channels, at two standard errors; 1 if all
   *     were scored
   * @param unscoredWeight the part of all channels' weight, from 0 to 1, that those hold which were
   *     not scored, as far as their scores can be predicted
   * @param stop why no more were scored; nothing while more are
   */
  public record Estimate(double correlation, double unscoredWeight, Optional<Stop> stop) {
    private Estimate and(Estimate other) {
      return new Estimate(
          Math.min(correlation, other.correlation),
          Math.max(unscoredWeight, other.unscoredWeight),
          correlation <= other.correlation ? stop : other.stop);
    }
  }

  /** Why no more channels were scored. */
  public enum Stop {
    /** The estimate reached the correlation that was asked for. */
    CORRELATION_REACHED,
    /**
     * It never did: the scores could not be predicted well enough, and all channels were scored.
     */
    ALL_SCORED,
    /** All were scored without an estimate, since so few masks say too little of each other. */
    FEW_CHANNELS
  }

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
        false,
        Optional.empty());
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
        true,
        estimate);
  }

  /** The same where every mask went into so many masked inputs, with what was estimated. */
  SaliencyStatus sampled(int each, Optional<Estimate> found) {
    return new SaliencyStatus(
        channels,
        scoredChannels,
        each,
        passes * each,
        constantChannels,
        nonFiniteChannels,
        nonFiniteScores,
        blank,
        softmaxOfOneValue,
        found);
  }

  /** The same of a map that took so many passes. */
  SaliencyStatus afterPasses(long ofAll, boolean isBlank) {
    return new SaliencyStatus(
        channels,
        scoredChannels,
        samples,
        ofAll,
        constantChannels,
        nonFiniteChannels,
        nonFiniteScores,
        isBlank,
        softmaxOfOneValue,
        estimate);
  }

  /**
   * How many forward passes were not needed, since another channel had the same masked input.
   *
   * @return the samples of the scored channels less passes; 0 where no channels are scored
   */
  public long savedPasses() {
    return Math.max(0, scoredChannels * samples - passes);
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
        softmaxOfOneValue || other.softmaxOfOneValue,
        Stream.of(estimate, other.estimate).flatMap(Optional::stream).reduce(Estimate::and));
  }
}
