package org.scorecam.image;

import java.io.IOException;
import java.util.Locale;
import javax.imageio.ImageReader;
import javax.imageio.event.IIOReadWarningListener;

/**
 * Hears the decoders' warnings, and keeps the first that means lost pixels.
 *
 * <p>libjpeg fills what a truncated file lacks with grey and calls that a warning.
 */
final class Damage implements IIOReadWarningListener {
  private String found;

  @Override
  public void warningOccurred(ImageReader source, String warning) {
    String words = warning.toLowerCase(Locale.ROOT);
    boolean lost =
        words.contains("truncated file")
            || words.contains("premature end")
            || words.contains("corrupt jpeg data");
    // Padding before the end marker, which some cameras write, costs nothing.
    boolean harmless = words.contains("extraneous bytes before marker 0xd9");
    if (found == null && lost && !harmless) {
      found = warning;
    }
  }

  /** Throws what was found. */
  void check() throws IOException {
    if (found != null) {
      throw new IOException(found);
    }
  }
}
