package org.scorecam.scoring;

import java.util.Optional;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.CoreShare;
import org.scorecam.runtime.NativeScope;

/**
 * Memory that masked inputs are written to, and what the scorer does with it, if that was recorded.
 * Used by one thread at a time, on one stream.
 */
final class Chunk implements AutoCloseable {
  private final Tensor rows;
  private final long stream;
  private final ChunkRecorder recorder;

  /** What scored it last; null before the first time. */
  private Scorer scorer;

  private Optional<Recorder.Recording> recording = Optional.empty();

  /**
   * A chunk that was scored by nobody yet.
   *
   * @param rows [rows, C, H, W] as its scorer wants them; owned by the new object
   * @param stream on which it is used: {@link org.scorecam.runtime.DeviceMemory#stream}
   */
  Chunk(Tensor rows, long stream, ChunkRecorder recorder) {
    this.rows = rows;
    this.stream = stream;
    this.recorder = recorder;
  }

  Tensor rows() {
    return rows;
  }

  long stream() {
    return stream;
  }

  /** Runs the network on the first rows alone, as it is; otherwise as the other one. */
  void score(Scorer by, long first, Consumer<ModelOutput> reader) {
    if (first == rows.size(0)) {
      score(by, reader);
      return;
    }
    try (NativeScope scope = NativeScope.open();
        ModelOutput output = output(by, rows.narrow(0, 0, first))) {
      reader.accept(output);
    }
  }

  /**
   * Runs the network on all rows. The first time it runs as it is, and prepares what it keeps for
   * the shape; from the second time on, what was recorded is replayed.
   *
   * @param by its scorer
   * @param reader is lent the output
   */
  void score(Scorer by, Consumer<ModelOutput> reader) {
    if (by != scorer) {
      forget();
      scorer = by;
    } else if (recording.isEmpty()) {
      recording = recorder.record(rows, () -> by.score(rows));
    }
    if (recording.isPresent()) {
      reader.accept(recording.get().replay());
      return;
    }
    try (ModelOutput output = output(by, rows)) {
      reader.accept(output);
    }
  }

  private static ModelOutput output(Scorer by, Tensor rows) {
    // On a device of its own this thread mostly waits.
    try (CoreShare share = rows.is_cpu() ? CoreShare.measure() : null) {
      return by.score(rows);
    }
  }

  private void forget() {
    recording.ifPresent(Recorder.Recording::close);
    recording = Optional.empty();
  }

  @Override
  public void close() {
    forget();
    rows.close();
  }
}
