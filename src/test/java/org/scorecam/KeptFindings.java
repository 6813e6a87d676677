package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.Optional;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.model.Precision;
import org.scorecam.runtime.Findings;

/** Has what trials find out kept in a folder of a test's own, until this is closed. */
public final class KeptFindings implements AutoCloseable {
  private static final String PACKED =
      "float32, channels-last, packed weights and fused activations";

  private final String before = System.getProperty(Findings.FOLDER, "off");

  /** Names the folder, which need not be there. */
  public KeptFindings(Path folder) {
    System.setProperty(Findings.FOLDER, folder.toString());
    Findings.keepIn(Optional.of(folder));
  }

  /** Has packed weights taken for the fastest way to score such inputs, without a trial. */
  void tellPacked(HookedModel model, InputShape shape) {
    model
        .findings()
        .tell("the fastest way to score inputs of %s in float32".formatted(shape), PACKED);
    assertEquals(PACKED, model.scorer(Precision.FLOAT32, shape).description());
  }

  @Override
  public void close() {
    System.setProperty(Findings.FOLDER, before);
  }
}
