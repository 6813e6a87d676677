package org.scorecam.mask;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.runtime.NativeScope;

/** Which channels of the target layer are scored; the others get no weight. */
public final class ChannelSelection {
  private final long limit;

  private ChannelSelection(long limit) {
    this.limit = limit;
  }

  /**
   * Every channel, as the paper has it.
   *
   * @return the selection
   */
  public static ChannelSelection all() {
    return new ChannelSelection(Long.MAX_VALUE);
  }

  /**
   * The channels with the largest maxima: channel skipping (CSKIP). A channel that is nowhere
   * strongly active masks the input almost away and says little of the class.
   *
   * @param count how many; more than there are means all
   * @return the selection
   * @throws IllegalArgumentException if it is less than 1
   */
  public static ChannelSelection topMax(long count) {
    if (count < 1) {
      throw new IllegalArgumentException("at least one channel must be kept, not " + count);
    }
    return new ChannelSelection(count);
  }

  /**
   * How many channels of a layer are selected, whatever its maps hold.
   *
   * @param channels of the layer
   * @return at most as many
   */
  public long countOf(long channels) {
    return Math.min(limit, channels);
  }

  /**
   * Applies the selection to one image's activation maps.
   *
   * @param activations [K, h, w]
   * @return indices of the channels to score, ascending
   */
  public long[] select(Tensor activations) {
    long channels = activations.size(0);
    if (limit >= channels) {
      return LongStream.range(0, channels).toArray();
    }
    try (NativeScope scope = NativeScope.open()) {
      Tensor maxima = activations.flatten(1, 2).amax(new long[] {1}, false);
      // A map with NaN or infinity cannot be scored, and would rank highest.
      Tensor ranked = maxima.where(maxima.isfinite(), new Scalar(Double.NEGATIVE_INFINITY));
      Tensor strongest = torch.topk(ranked, limit).get1().cpu().contiguous();
      long[] indices = new long[(int) limit];
      new LongPointer(strongest.data_ptr()).get(indices);
      Arrays.sort(indices);
      return indices;
    }
  }

  /**
   * The selection in words.
   *
   * @return {@code all} or {@code max:N}
   */
  @Override
  public String toString() {
    return limit == Long.MAX_VALUE ? "all" : "max:" + limit;
  }
}
