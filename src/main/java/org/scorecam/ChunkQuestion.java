package org.scorecam;

import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;

/** What chunks are planned for: a network, the size of its inputs, and what a chunk may take. */
record ChunkQuestion(
    Scorer scorer, Device device, long channels, long height, long width, long budget) {
  long pixels() {
    return height * width;
  }

  long[] chunkOf(long rows) {
    return new long[] {rows, channels, height, width};
  }
}
