package org.scorecam.pipeline;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Saliency;
import org.scorecam.Target;
import org.scorecam.image.Preprocessing;

/**
 * One picture on its way. It belongs to one thread at a time: reading, scoring, then the one that
 * takes the result; {@link PipelineEngine} hands it on under its lock.
 */
abstract class PipelineJob {
  private final String name;
  private final List<Target> targets;

  /** [1, C, H, W] from reading until scoring. */
  private Tensor input;

  private long[] shape;

  private long readAt;

  PipelineJob(String name, List<Target> targets) {
    this.name = name;
    this.targets = targets;
  }

  /** Makes the network's input [1, C, H, W], which this owns. */
  abstract Tensor makeInput(Preprocessing preprocessing);

  /**
   * Takes over the maps.
   *
   * @param saliencies one for each target
   * @param seconds that scoring took
   */
  abstract void succeed(List<Saliency> saliencies, double seconds);

  /** Is told why there is no map. */
  abstract void fail(Throwable thrown);

  /** Whether its map is still of use to anyone. */
  abstract boolean isWanted();

  /**
   * Reads and preprocesses.
   *
   * @param pinned whether the input is put where CUDA devices copy it from without the processor
   * @throws RuntimeException what the source threw, or what speaks against the picture
   */
  final void read(Preprocessing preprocessing, boolean pinned) {
    input = makeInput(preprocessing);
    if (pinned && input.device().is_cpu()) {
      try (Tensor pageable = input) {
        input = pageable.pin_memory();
      }
    }
    shape = input.shape();
    readAt = System.nanoTime();
  }

  final String name() {
    return name;
  }

  final List<Target> targets() {
    return targets;
  }

  final Tensor input() {
    return input;
  }

  final long[] shape() {
    return shape;
  }

  /** Since the input was there. */
  final long nanosecondsReady() {
    return System.nanoTime() - readAt;
  }

  final boolean hasShapeOf(PipelineJob other) {
    return Arrays.equals(shape, other.shape);
  }

  final void freeInput() {
    if (input != null) {
      input.close();
      input = null;
    }
  }
}
