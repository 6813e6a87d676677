package org.scorecam.pipeline;

import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Saliency;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;

/**
 * One picture on its way. It belongs to one thread at a time: reading, scoring, then the one that
 * takes the result; {@link PipelineRun} hands it on under its lock.
 */
final class PipelineJob {
  private final long index;
  private final Source source;
  private Picture picture;

  /** [1, C, H, W] from reading until scoring. */
  private Tensor input;

  private long[] shape;

  private Explained result;

  PipelineJob(long index, Source source) {
    this.index = index;
    this.source = source;
  }

  /**
   * Reads and preprocesses; a failure is the result.
   *
   * @param pinned whether the input is put where CUDA devices copy it from without the processor
   */
  void read(Preprocessing preprocessing, boolean pinned) {
    try {
      picture =
          requireNonNull(
              source.reader().get(),
              () -> "the picture that the reader of " + source.name() + " returned");
      input = preprocessing.apply(picture);
      if (pinned) {
        try (Tensor pageable = input) {
          input = pageable.pin_memory();
        }
      }
      shape = input.shape();
    } catch (RuntimeException e) {
      fail(e);
    }
  }

  Tensor input() {
    return input;
  }

  boolean hasShapeOf(PipelineJob other) {
    return Arrays.equals(shape, other.shape);
  }

  /** Takes over the maps of all targets. */
  void succeed(List<Saliency> saliencies, double seconds) {
    result = new Explained(index, source.name(), picture, shape, saliencies, seconds);
    freeInput();
  }

  void fail(RuntimeException failure) {
    result = new Explained(index, source.name(), failure);
    freeInput();
  }

  /** The result, owned by who asks last; null until there is one. */
  Explained result() {
    return result;
  }

  /** Frees everything that nobody has taken. */
  void discard() {
    freeInput();
    if (result != null) {
      result.close();
    }
  }

  private void freeInput() {
    if (input != null) {
      input.close();
      input = null;
    }
  }
}
