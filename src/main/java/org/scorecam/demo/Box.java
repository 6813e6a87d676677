package org.scorecam.demo;

/**
 * A rectangle of whole pixels.
 *
 * @param x the first column, from the left
 * @param y the first row, from the top
 * @param width columns, at least 1
 * @param height rows, at least 1
 */
public record Box(int x, int y, int width, int height) {
  /**
   * Checks the parts.
   *
   * @param x the first column, from the left
   * @param y the first row, from the top
   * @param width columns, at least 1
   * @param height rows, at least 1
   * @throws IllegalArgumentException if a position is negative or a side empty
   */
  public Box {
    if (x < 0 || y < 0 || width < 1 || height < 1) {
      throw new IllegalArgumentException(
          "no box of pixels: " + width + "×" + height + " at (" + x + ", " + y + ")");
    }
  }

  /**
   * How many pixels it holds.
   *
   * @return at least 1
   */
  public long area() {
    return (long) width * height;
  }

  /**
   * Whether a pixel is inside.
   *
   * @param column from the left
   * @param row from the top
   * @return true for the first row and column and those up to the last
   */
  public boolean contains(int column, int row) {
    return column >= x && column < x + width && row >= y && row < y + height;
  }

  /**
   * Whether two boxes have a pixel in common.
   *
   * @param other another box of the same picture
   * @return true if they have
   */
  public boolean overlaps(Box other) {
    return x < other.x + other.width
        && other.x < x + width
        && y < other.y + other.height
        && other.y < y + height;
  }

  /**
   * The share of a map's energy inside this box: the sum of its values there over the sum of all.
   *
   * @param map H × W values, none negative, this box within
   * @return in [0, 1]; 0 for a map that is zero everywhere
   */
  public double share(float[][] map) {
    double inside = 0;
    double all = 0;
    for (int row = 0; row < map.length; row++) {
      for (int column = 0; column < map[row].length; column++) {
        all += map[row][column];
        if (contains(column, row)) {
          inside += map[row][column];
        }
      }
    }
    return all == 0 ? 0 : inside / all;
  }
}
