package org.scorecam.mask;

import org.bytedeco.pytorch.Tensor;

/** The masks of one image and one target layer, written chunk by chunk and never held at once. */
public interface Masks extends AutoCloseable {
  /**
   * Looks at the maps before any channel is scored, for which the host waits for the device; not
   * called where all channels are scored whatever their maps hold.
   *
   * @return the facts of all K channels
   */
  ChannelFacts facts();

  /**
   * Writes image × mask for some channels. Several threads may write at once, each its own rows.
   *
   * @param channels indices of b channels
   * @param rows where to: [b, C, H, W] in the scorer's dtype and layout, on the image's device
   */
  void write(long[] channels, Tensor rows);

  /** Frees what the preparation made. Closing again does nothing. */
  @Override
  void close();
}
