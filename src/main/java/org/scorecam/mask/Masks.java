package org.scorecam.mask;

import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.model.Stem;

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

  /**
   * The same masks for a network whose stem is left out: instead of masked inputs it writes what
   * the stem puts out for them.
   *
   * @param stem what the network begins with
   * @param passes how many rows will be written
   * @param bytes that may be kept for it
   * @return a writer of rows [b, O, Ho, Wo], dense and channels-last, owned by the caller and
   *     closed before these masks; nothing if that is not possible, takes more memory, or would not
   *     be faster
   */
  default Optional<StemMasks> behind(Stem stem, long passes, long bytes) {
    return Optional.empty();
  }

  /** Frees what the preparation made. Closing again does nothing. */
  @Override
  void close();
}
