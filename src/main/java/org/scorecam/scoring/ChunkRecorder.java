package org.scorecam.scoring;

import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.model.ModelOutput;

/** Has one explainer's chunks recorded, if that is wanted, until it fails for the first time. */
final class ChunkRecorder {
  private static final System.Logger LOG = System.getLogger(ChunkRecorder.class.getName());

  private final Optional<Recorder> recorder;

  /** Why it failed, as a plan's note; null while it did not. */
  private volatile String refusal;

  ChunkRecorder(Optional<Recorder> recorder) {
    this.recorder = recorder;
  }

  /**
   * Records a run of a chunk.
   *
   * @return nothing where it is not to be recorded, or cannot be
   * @throws NativeMemoryException if there is no memory for it, and the chunk can be smaller
   */
  Optional<Recorder.Recording> record(Tensor chunk, Supplier<ModelOutput> run) {
    if (recorder.isEmpty() || refusal != null) {
      return Optional.empty();
    }
    try {
      return Optional.of(recorder.get().record(run));
    } catch (RuntimeException e) {
      if (e instanceof NativeMemoryException && chunk.size(0) > 1) {
        throw e;
      }
      refusal = "no CUDA graphs are replayed: " + NativeErrors.messageOf(e);
      LOG.log(System.Logger.Level.WARNING, refusal);
      return Optional.empty();
    }
  }

  /** The plan, with why nothing is recorded. */
  ChunkPlan noting(ChunkPlan plan) {
    return refusal == null ? plan : plan.noting(refusal);
  }
}
