package org.scorecam.image;

import static java.util.Objects.requireNonNull;

import java.util.Arrays;

/** The slices of a volume's heatmap side by side, row by row. */
public final class SliceSheet {
  /** White pixels between slices. */
  private static final int GAP = 2;

  /** Slices are enlarged to about that width. */
  private static final int LEGIBLE = 64;

  private SliceSheet() {}

  /**
   * Draws all slices in one scale.
   *
   * @param volume the slices' rows one slice after the other: D·H rows of W columns
   * @param slices D, at least 1
   * @param colormap their colours
   * @return a picture of about as many slices across as down; small ones are enlarged
   * @throws IllegalArgumentException if the rows do not make that many slices
   * @throws org.scorecam.error.InputException if the picture is too large
   */
  public static Picture of(Heatmap volume, int slices, Colormap colormap) {
    requireNonNull(colormap, "colormap");
    if (slices < 1 || volume.height() % slices != 0) {
      throw new IllegalArgumentException(
          "%d rows are not those of %d slices".formatted(volume.height(), slices));
    }
    int rows = volume.height() / slices;
    int times = Math.max(1, LEGIBLE / volume.width());
    int width = times * volume.width();
    int height = times * rows;
    int across = (int) Math.ceil(Math.sqrt(slices));
    int down = (slices + across - 1) / across;
    long sheetWidth = across * (long) (width + GAP) - GAP;
    long sheetHeight = down * (long) (height + GAP) - GAP;
    Picture.checkSize(sheetWidth, sheetHeight, "the sheet of slices");
    byte[] rgb = new byte[(int) (3 * sheetWidth * sheetHeight)];
    Arrays.fill(rgb, (byte) 0xff);
    for (int slice = 0; slice < slices; slice++) {
      Heatmap heatmap =
          volume.rows(slice * rows, rows).resize(width, height, Interpolation.BILINEAR);
      long left = slice % across * (long) (width + GAP);
      long top = slice / across * (long) (height + GAP);
      for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
          int pixel = (int) ((top + y) * sheetWidth + left + x);
          Pixels.put(rgb, pixel, colormap.rgbOf(heatmap.value(x, y)));
        }
      }
    }
    return new Picture((int) sheetWidth, (int) sheetHeight, rgb);
  }
}
