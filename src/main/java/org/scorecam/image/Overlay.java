package org.scorecam.image;

import java.util.Objects;

/**
 * How a heatmap is laid over a picture: opacity · colour + (1 − opacity) · picture, in sRGB values.
 *
 * <p>The result has the size of the picture. The heatmap is stretched over the region that the
 * network saw; outside of it the picture stays as it is.
 *
 * @param colormap gives the heatmap its colours
 * @param opacity of the heatmap, in [0, 1]
 * @param interpolation how the heatmap is brought to the picture's size
 */
public record Overlay(Colormap colormap, double opacity, Interpolation interpolation) {
  /**
   * Checks the opacity.
   *
   * @param colormap as above
   * @param opacity as above
   * @param interpolation as above
   * @throws IllegalArgumentException if it is not in [0, 1]
   */
  public Overlay {
    Objects.requireNonNull(colormap, "colormap");
    Objects.requireNonNull(interpolation, "interpolation");
    if (!(opacity >= 0 && opacity <= 1)) {
      throw new IllegalArgumentException("opacity must be in [0, 1], not " + opacity);
    }
  }

  /**
   * The customary one: jet at half opacity, bilinear.
   *
   * @return an overlay to draw with
   */
  public static Overlay jet() {
    return of(Colormap.JET, 0.5);
  }

  /**
   * A bilinear overlay.
   *
   * @param colormap gives the heatmap its colours
   * @param opacity of the heatmap, in [0, 1]
   * @return an overlay to draw with
   * @throws IllegalArgumentException if the opacity is not in [0, 1]
   */
  public static Overlay of(Colormap colormap, double opacity) {
    return new Overlay(colormap, opacity, Interpolation.BILINEAR);
  }

  /**
   * Lays a heatmap over the whole of a picture.
   *
   * @param heatmap of any size
   * @param picture of any size
   * @return a new picture of the same size
   */
  public Picture draw(Heatmap heatmap, Picture picture) {
    Objects.requireNonNull(picture, "picture");
    return draw(heatmap, picture, Region.whole(picture));
  }

  /**
   * Lays a heatmap over a part of a picture.
   *
   * @param heatmap of any size
   * @param picture of any size
   * @param region what the heatmap covers, as {@link Preprocessing#regionOf(Picture)} gives it; the
   *     pixels whose centre it contains are drawn on
   * @return a new picture of the same size
   */
  public Picture draw(Heatmap heatmap, Picture picture, Region region) {
    Objects.requireNonNull(heatmap, "heatmap");
    Objects.requireNonNull(picture, "picture");
    Objects.requireNonNull(region, "region");
    int left = firstCentreFrom(region.x(), picture.width());
    int right = firstCentreFrom(region.x() + region.width(), picture.width());
    int top = firstCentreFrom(region.y(), picture.height());
    int bottom = firstCentreFrom(region.y() + region.height(), picture.height());
    byte[] rgb = picture.toBytes();
    if (left < right && top < bottom) {
      double perColumn = heatmap.width() / region.width();
      double perRow = heatmap.height() / region.height();
      Taps ofRows =
          Taps.of(
              heatmap.width(),
              (left - region.x()) * perColumn,
              (right - region.x()) * perColumn,
              right - left,
              interpolation);
      Taps ofColumns =
          Taps.of(
              heatmap.height(),
              (top - region.y()) * perRow,
              (bottom - region.y()) * perRow,
              bottom - top,
              interpolation);
      blend(heatmap.resample(ofRows, ofColumns), rgb, picture.width(), left, top);
    }
    return new Picture(picture.width(), picture.height(), rgb);
  }

  /** The first pixel of a line of pixels whose centre lies at or behind an edge. */
  private static int firstCentreFrom(double edge, int pixels) {
    return (int) Math.max(0, Math.min(pixels, Math.ceil(edge - 0.5)));
  }

  private void blend(Heatmap heatmap, byte[] rgb, int width, int left, int top) {
    for (int y = 0; y < heatmap.height(); y++) {
      int at = 3 * ((top + y) * width + left);
      for (int x = 0; x < heatmap.width(); x++) {
        int colour = colormap.rgbOf(heatmap.value(x, y));
        rgb[at] = mix(rgb[at], colour >> 16);
        rgb[at + 1] = mix(rgb[at + 1], colour >> 8);
        rgb[at + 2] = mix(rgb[at + 2], colour);
        at += 3;
      }
    }
  }

  private byte mix(byte picture, int colour) {
    return (byte) (opacity * (colour & 0xff) + (1 - opacity) * (picture & 0xff) + 0.5);
  }
}
