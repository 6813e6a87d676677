package org.scorecam.pipeline;

import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Saliency;
import org.scorecam.Target;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;

/**
 * One picture on its way. It belongs to one thread at a time: reading, scoring, then the one that
 * takes the result; {@link PipelineEngine} hands it on under its lock.
 */
abstract class PipelineJob {
  private final Source source;
  private final List<Target> targets;

  /** [1, C, H, W] from reading until scoring. */
  private Tensor input;

  private long[] shape;

  PipelineJob(Source source, List<Target> targets) {
    this.source = source;
    this.targets = targets;
  }

  /**
   * Takes over the maps.
   *
   * @param saliencies one for each target
   * @param seconds that scoring took
   */
  abstract void succeed(List<Saliency> saliencies, double seconds);

  /** Is told why there is no map. */
  abstract void fail(Throwable thrown);

  /** Is given the picture before it is preprocessed. */
  abstract void see(Picture picture);

  /**
   * Reads and preprocesses.
   *
   * @param pinned whether the input is put where CUDA devices copy it from without the processor
   * @throws RuntimeException what the source threw, or what speaks against the picture
   */
  final void read(Preprocessing preprocessing, boolean pinned) {
    Picture picture =
        requireNonNull(
            source.reader().get(),
            () -> "the picture that the reader of " + source.name() + " returned");
    see(picture);
    input = preprocessing.apply(picture);
    if (pinned) {
      try (Tensor pageable = input) {
        input = pageable.pin_memory();
      }
    }
    shape = input.shape();
  }

  final String name() {
    return source.name();
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
