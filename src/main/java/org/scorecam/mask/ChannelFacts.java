package org.scorecam.mask;

import java.util.BitSet;

/** What an image's activation maps are like, one channel at a time. */
public final class ChannelFacts {
  private final BitSet constant;
  private final BitSet nonFinite;

  /**
   * Takes each channel's range.
   *
   * @param minima of the maps, NaN where a map has one
   * @param maxima likewise
   */
  ChannelFacts(float[] minima, float[] maxima) {
    constant = new BitSet(minima.length);
    nonFinite = new BitSet(minima.length);
    for (int k = 0; k < minima.length; k++) {
      nonFinite.set(k, !Float.isFinite(minima[k]) || !Float.isFinite(maxima[k]));
      constant.set(k, minima[k] == maxima[k] && !nonFinite.get(k));
    }
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
}
