package org.scorecam;

import java.nio.file.Path;
import java.util.Optional;
import org.scorecam.runtime.Findings;

/** Has what trials find out kept in a folder of a test's own, until this is closed. */
public final class KeptFindings implements AutoCloseable {
  private final String before = System.getProperty(Findings.FOLDER, "off");

  /** Names the folder, which need not be there. */
  public KeptFindings(Path folder) {
    System.setProperty(Findings.FOLDER, folder.toString());
    Findings.keepIn(Optional.of(folder));
  }

  @Override
  public void close() {
    System.setProperty(Findings.FOLDER, before);
  }
}
