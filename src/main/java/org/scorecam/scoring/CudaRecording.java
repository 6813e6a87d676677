package org.scorecam.scoring;

import java.util.function.Supplier;
import org.scorecam.kernel.CudaGraph;
import org.scorecam.model.ModelOutput;
import org.scorecam.runtime.Device;

/** A chunk's run as a CUDA graph, which is replayed on the stream on which it was recorded. */
final class CudaRecording implements Recorder.Recording {
  private final CudaGraph graph;

  /** Of the last run, which is the recorded one; null before the first. */
  private ModelOutput output;

  /** As {@link Recorder#record}. */
  CudaRecording(Device device, Supplier<ModelOutput> run) {
    try {
      this.graph =
          CudaGraph.record(
              device,
              () -> {
                closeOutput();
                output = run.get();
              });
    } catch (RuntimeException | Error e) {
      closeOutput();
      throw e;
    }
  }

  @Override
  public ModelOutput replay() {
    graph.replay();
    return output;
  }

  @Override
  public void close() {
    closeOutput();
    graph.close();
  }

  private void closeOutput() {
    if (output != null) {
      output.close();
      output = null;
    }
  }
}
