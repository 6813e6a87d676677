package org.scorecam.scoring;

import java.util.function.Supplier;
import org.scorecam.model.ModelOutput;

/** Records what a scorer does with a chunk, to have all of it done again in one call. */
interface Recorder {
  /**
   * Records a run that this thread has done before.
   *
   * @param run a chunk's; may be called several times
   * @return the recording, owned by the caller
   * @throws RuntimeException if it cannot be recorded; then nothing is left of it
   */
  Recording record(Supplier<ModelOutput> run);

  /** A run that can be done again, with what is in the chunk then. */
  interface Recording extends AutoCloseable {
    /**
     * Does it again.
     *
     * @return its output, owned by the recording; there until the next replay
     */
    ModelOutput replay();

    /** Frees it and its output. */
    @Override
    void close();
  }
}
