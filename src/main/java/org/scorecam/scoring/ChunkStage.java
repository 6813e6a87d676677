package org.scorecam.scoring;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * What a flight recording shows of each chunk. An event begins when it is made and is written by
 * {@link #commit}; where nothing records, both do nothing.
 */
@Category("Score-CAM")
@StackTrace(false)
abstract class ChunkStage extends Event {
  /** A chunk's masked inputs. */
  @Name("org.scorecam.Masks")
  @Label("Masks")
  @Description("Writes the masked inputs of a chunk.")
  static final class Masks extends ChunkStage {
    @Label("Rows")
    @Description("Masked inputs written.")
    final int rows;

    Masks(int rows) {
      this.rows = rows;
      begin();
    }
  }

  /** A chunk's forward pass. */
  @Name("org.scorecam.Network")
  @Label("Network")
  @Description("Runs a chunk through the network.")
  static final class Network extends ChunkStage {
    @Label("Rows")
    @Description("Rows of the chunk; more than masked inputs where the last chunk is padded.")
    final int rows;

    @Label("Masked inputs")
    final int filled;

    Network(int rows, int filled) {
      this.rows = rows;
      this.filled = filled;
      begin();
    }
  }

  /** A chunk's scores. */
  @Name("org.scorecam.Scores")
  @Label("Scores")
  @Description("Reads the target's scores from the network's output for a chunk.")
  static final class Scores extends ChunkStage {
    @Label("Rows")
    @Description("Scores read.")
    final int rows;

    Scores(int rows) {
      this.rows = rows;
      begin();
    }
  }
}
