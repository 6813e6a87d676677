package org.scorecam.image;

import java.awt.image.BufferedImage;
import java.io.IOException;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;

/**
 * A picture file, taken apart as far as decoders are not to be relied on: whether it is complete,
 * how large it is before anything is allocated, which way up it is, and which colours it means.
 */
interface PictureFile {
  /**
   * The file as its decoder gets it: without the colour profile, which is applied afterwards, and
   * without what else does not say how pixels are stored.
   */
  ImageInputStream input();

  /** How the decoded pixels are to be turned. */
  default Orientation orientation() {
    return Orientation.UPRIGHT;
  }

  /** What the decoded pixels' numbers mean. */
  default ColourProfile profile() {
    return ColourProfile.NONE;
  }

  /**
   * Decodes the pixels.
   *
   * @param reader set to what {@link #input}
   * @throws IOException if they are damaged, or of a kind that is not read
   */
  default BufferedImage read(ImageReader reader) throws IOException {
    return reader.read(0);
  }
}
