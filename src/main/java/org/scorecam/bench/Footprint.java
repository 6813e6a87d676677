package org.scorecam.bench;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.scoring.ChunkPlan;

/**
 * What an explanation makes and takes: its map, the chunks it was scored in, and its memory.
 *
 * @param saliency the map, closed with this
 * @param chunks rows of each chunk that the network ran
 * @param residentIdle bytes that the process had with the network loaded and prepared, without the
 *     chunks that the explainer keeps
 * @param residentPeak the most that it had while it explained
 */
public record Footprint(
    Saliency saliency, List<Integer> chunks, long residentIdle, long residentPeak)
    implements AutoCloseable {

  /**
   * Copies the list.
   *
   * @param saliency the map, closed with this
   * @param chunks rows of each chunk that the network ran
   * @param residentIdle bytes before
   * @param residentPeak bytes at the most
   */
  public Footprint {
    chunks = List.copyOf(chunks);
  }

  /**
   * Explains twice, since what the first explanation prepares, probes and compiles is not part of
   * what each one takes.
   *
   * @param model the network
   * @param explainer on it, not used yet
   * @param input [1, C, H, W]
   * @param target what is explained
   * @return what was found, owned by the caller
   */
  public static Footprint of(HookedModel model, ScoreCam explainer, Tensor input, Target target) {
    Saliency[] made = new Saliency[1];
    StageTimes stages = StageTimes.during(() -> made[0] = explainer.explain(input, target));
    try {
      DeviceMemory.of(model.device()).releaseKept();
      long idle = ResidentMemory.now() - chunkBytes(explainer, input, made[0].plan());
      long peak = ResidentMemory.peakOf(() -> explainer.explain(input, target).close());
      return new Footprint(made[0], stages.chunks(), idle, peak);
    } catch (RuntimeException | Error e) {
      made[0].close();
      throw e;
    }
  }

  /** Of the chunks that the explainer keeps for its next explanation; on CUDA not resident. */
  private static long chunkBytes(ScoreCam explainer, Tensor input, ChunkPlan plan) {
    return switch (explainer.device().type()) {
      case CPU ->
          plan.workers()
              * plan.rows()
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
