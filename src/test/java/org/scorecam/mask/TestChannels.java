package org.scorecam.mask;

import java.util.BitSet;

/** Facts of channels that are given as a text, a character for each. */
public final class TestChannels {
  /** A channel whose map has one value everywhere. */
  public static final char CONSTANT = '-';

  /** A channel whose map holds NaN. */
  public static final char NON_FINITE = '!';

  private TestChannels() {}

  /**
   * What a masker would find out.
   *
   * @param maps for each channel {@link #CONSTANT}, {@link #NON_FINITE}, or a letter; channels of
   *     the same letter have the same map
   */
  public static ChannelFacts facts(String maps) {
    BitSet constant = new BitSet();
    BitSet nonFinite = new BitSet();
    int[] firstEqual = new int[maps.length()];
    for (int k = 0; k < maps.length(); k++) {
      constant.set(k, maps.charAt(k) == CONSTANT);
      nonFinite.set(k, maps.charAt(k) == NON_FINITE);
      firstEqual[k] = constant.get(k) || nonFinite.get(k) ? k : maps.indexOf(maps.charAt(k));
    }
    return new ChannelFacts(constant, nonFinite, firstEqual);
  }
}
