package org.scorecam.bench;

import java.util.OptionalLong;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.ResidentMemory;

/**
 * What is known after one explanation, and the memory that it took in a process that had done
 * nothing but load the network.
 *
 * @param saliency the result, closed with this
 * @param stages where the time went; the first of its kind, so that only the chunks count
 * @param residentIdle bytes that the process had with the network loaded, its scorer made, and one
 *     unmasked pass run
 * @param residentPeak the most that it had while it explained after a warm-up, chunk included,
 *     where the system says
 */
public record FirstExplanation(
    Saliency saliency, StageTimes stages, long residentIdle, OptionalLong residentPeak)
    implements AutoCloseable {

  /**
   * Explains once.
   *
   * @param model the network
   * @param explainer on it
   * @param input [1, C, H, W]
   * @param target what is explained
   * @return what was found, owned by the caller
   */
  public static FirstExplanation of(
      HookedModel model, ScoreCam explainer, Tensor input, Target target) {
    explainer.scorer(input.size(1), input.size(2), input.size(3));
    model.forward(input).close();
    // The recorder's own memory is there before the measurement.
    StageTimes.during(() -> {});
    long idle = ResidentMemory.now();
    // Chunks are probed here: their measurement sets back the same peak.
    explainer.warmUp(input.size(1), input.size(2), input.size(3));
    boolean canSeePeak = ResidentMemory.forgetPeak();
    Saliency[] made = new Saliency[1];
    StageTimes stages = StageTimes.during(() -> made[0] = explainer.explain(input, target));
    OptionalLong peak = canSeePeak ? ResidentMemory.peak() : OptionalLong.empty();
    return new FirstExplanation(made[0], stages, idle, peak);
  }

  @Override
  public void close() {
    saliency.close();
  }
}
