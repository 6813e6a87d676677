package org.scorecam.image;

import java.util.Objects;

/**
 * A rectangle of a picture, in its pixel coordinates: the part that a network saw.
 *
 * @param x left edge; 0 is the picture's
 * @param y top edge; 0 is the picture's
 * @param width above 0
 * @param height above 0
 */
public record Region(double x, double y, double width, double height) {
  /**
   * Checks that the rectangle has an area.
   *
   * @param x as above
   * @param y as above
   * @param width as above
   * @param height as above
   * @throws IllegalArgumentException if a side is not above 0 or an edge is not finite
   */
  public Region {
    if (!(width > 0 && height > 0 && Double.isFinite(x + y + width + height))) {
      throw new IllegalArgumentException(
          "a region needs finite edges and sides greater than 0, not x %s, y %s, width %s, height %s"
              .formatted(x, y, width, height));
    }
  }

  /**
   * The whole of a picture.
   *
   * @param picture the picture
   * @return the rectangle from (0, 0) to its far corner
   */
  public static Region whole(Picture picture) {
    Objects.requireNonNull(picture, "picture");
    return new Region(0, 0, picture.width(), picture.height());
  }
}
