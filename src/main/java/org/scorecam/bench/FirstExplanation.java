package org.scorecam.bench;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.DeviceMemory;

/**
 * What is known after one explanation, and the memory that a second takes.
 *
 * @param saliency the result, closed with this
 * @param stages where the time went; the first of its kind, so that only the chunks count
 * @param residentIdle bytes that the process had with the network loaded and prepared, but for the
 *     chunk that the explainer keeps
 * @param residentPeak the most that it had while it explained
 */
public record FirstExplanation(
    Saliency saliency, StageTimes stages, long residentIdle, long residentPeak)
    implements AutoCloseable {

  /**
   * Explains twice: what is prepared, probed and compiled with the first explanation is no part of
   * what one takes.
   *
   * @param model the network
   * @param explainer on it, not used yet
   * @param input [1, C, H, W]
   * @param target what is explained
   * @return what was found, owned by the caller
   */
  public static FirstExplanation of(
      HookedModel model, ScoreCam explainer, Tensor input, Target target) {
    Saliency[] made = new Saliency[1];
    StageTimes stages = StageTimes.during(() -> made[0] = explainer.explain(input, target));
    try {
      DeviceMemory.of(model.device()).releaseKept();
      long idle = ResidentMemory.now() - chunkBytes(explainer, input, made[0].plan().rows());
      long peak = ResidentMemory.peakOf(() -> explainer.explain(input, target).close());
      return new FirstExplanation(made[0], stages, idle, peak);
    } catch (RuntimeException | Error e) {
      made[0].close();
      throw e;
    }
  }

  /** Of the chunk that the explainer keeps for its next explanation; on CUDA it is not resident. */
  private static long chunkBytes(ScoreCam explainer, Tensor input, long rows) {
    return switch (explainer.device().type()) {
      case CPU ->
          rows
              * input.numel()
              * torch.elementSize(
                  explainer.scorer(input.size(1), input.size(2), input.size(3)).dtype());
      case CUDA -> 0;
    };
  }

  @Override
  public void close() {
    saliency.close();
  }
}
