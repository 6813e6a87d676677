package org.scorecam.mask;

import java.util.BitSet;

/** What an image's activation maps are like, one channel at a time. */
public final class ChannelFacts {
  private final BitSet constant;
  private final BitSet nonFinite;
  private final int[] firstEqual;

  /**
   * What a masker found out.
   *
   * @param constant the channels whose map has one value everywhere
   * @param nonFinite the channels whose map holds NaN or an infinity
   * @param firstEqual for each channel the first with the same map, itself if there is none before
   *     it or the masker does not look
   */
  public ChannelFacts(BitSet constant, BitSet nonFinite, int[] firstEqual) {
    this.constant = (BitSet) constant.clone();
    this.nonFinite = (BitSet) nonFinite.clone();
    this.firstEqual = firstEqual.clone();
  }

  /**
   * Whether a map has one value everywhere, so that its mask is 0 everywhere.
   *
   * @param channel its index
   * @return true if it has
   */
  public boolean isConstant(long channel) {
    return constant.get((int) channel);
  }

  /**
   * Whether a map holds NaN or an infinity, so that no mask can be made of it.
   *
   * @param channel its index
   * @return true if it does
   */
  public boolean isNonFinite(long channel) {
    return nonFinite.get((int) channel);
  }

  /**
   * The first channel with the same map, whose masked input is therefore the same. Of constant and
   * of non-finite channels it is not asked whether there is one.
   *
   * @param channel its index
   * @return that channel; the given one if there is none before it, or the masker does not look
   */
  public long firstEqual(long channel) {
    return firstEqual[(int) channel];
  }
}
