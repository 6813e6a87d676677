package org.scorecam;

import java.util.List;
import java.util.function.Supplier;
import org.scorecam.mask.ChannelSelection;

/** Is told how far an explanation has come. */
@FunctionalInterface
public interface ProgressListener {
  /**
   * Called after each chunk of masked inputs, by the thread that explains.
   *
   * @param scored masked inputs scored so far
   * @param total masked inputs of this explanation; with {@link ChannelSelection#adaptive(double)}
   *     those that there may be at most, until it is over and the last call has as many as were
   *     scored
   */
  void onProgress(long scored, long total);

  /**
   * Called after each round of {@link ChannelSelection#adaptive(double)} for each input and layer
   * that had one, by the thread that explains: shows maps as they grow. Does nothing by itself.
   *
   * @param input which of those that are explained together
   * @param maps makes the saliency map as it stands for each of the input's targets, when asked;
   *     they are owned by whoever asks. Of use during the call only
   */
  default void onRound(int input, Supplier<List<Saliency>> maps) {}
}
