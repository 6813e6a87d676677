package org.scorecam.demo;

/**
 * An outline, scaled, turned and moved onto pixels.
 *
 * @param box the pixels it touches
 * @param coverage how much of each pixel of the box it covers, row by row, in [0, 1]
 */
@SuppressWarnings("ArrayRecordComponent") // handed from one method to the next, never compared
record Drawing(Box box, double[] coverage) {
  /** Each pixel's coverage is counted on this many points a side. */
  private static final int SAMPLES = 4;

  /** Draws an outline whose unit circle is moved to this centre and this radius, in pixels. */
  static Drawing of(ShapeKind kind, double centreX, double centreY, double radius, double angle) {
    double cos = StrictMath.cos(angle) / radius;
    double sin = StrictMath.sin(angle) / radius;
    int x0 = (int) (centreX - radius);
    int y0 = (int) (centreY - radius);
    int side = (int) Math.ceil(2 * radius) + 1;

    double[] coverage = new double[side * side];
    int left = side;
    int top = side;
    int right = -1;
    int bottom = -1;
    for (int row = 0; row < side; row++) {
      for (int column = 0; column < side; column++) {
        int hits = 0;
        for (int sample = 0; sample < SAMPLES * SAMPLES; sample++) {
          int across = sample % SAMPLES;
          int down = sample / SAMPLES;
          double x = x0 + column + (across + 0.5) / SAMPLES - centreX;
          double y = y0 + row + (down + 0.5) / SAMPLES - centreY;
          if (kind.contains(x * cos + y * sin, y * cos - x * sin)) {
            hits++;
          }
        }
        if (hits > 0) {
          coverage[row * side + column] = hits / (double) (SAMPLES * SAMPLES);
          left = Math.min(left, column);
          right = Math.max(right, column);
          top = Math.min(top, row);
          bottom = Math.max(bottom, row);
        }
      }
    }
    Box box = new Box(x0 + left, y0 + top, right - left + 1, bottom - top + 1);
    return new Drawing(box, crop(coverage, side, left, top, box));
  }

  private static double[] crop(double[] square, int side, int left, int top, Box box) {
    double[] cropped = new double[(int) box.area()];
    for (int row = 0; row < box.height(); row++) {
      System.arraycopy(square, (top + row) * side + left, cropped, row * box.width(), box.width());
    }
    return cropped;
  }
}
