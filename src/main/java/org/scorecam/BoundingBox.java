package org.scorecam;

import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.DoubleStream;
import org.scorecam.error.TargetException;

/**
 * A rectangle in a network's input, in pixels from its upper left corner.
 *
 * @param x0 its left side
 * @param y0 its upper side
 * @param x1 its right side
 * @param y1 its lower side
 */
public record BoundingBox(double x0, double y0, double x1, double y1) {
  private static final String NUMBER = "-?\\d+(\\.\\d*)?";

  private static final Pattern NOTATION =
      Pattern.compile("(%s),(%s),(%s),(%s)".replace("%s", NUMBER));

  /**
   * Checks the sides.
   *
   * @param x0 its left side
   * @param y0 its upper side
   * @param x1 its right side, greater than the left one
   * @param y1 its lower side, greater than the upper one
   * @throws TargetException if a side is not finite, or the box is empty
   */
  public BoundingBox {
    if (!DoubleStream.of(x0, y0, x1, y1).allMatch(Double::isFinite) || x1 <= x0 || y1 <= y0) {
      throw new TargetException(
          "(%s, %s, %s, %s) is not a box: x1 must be greater than x0, and y1 greater than y0"
              .formatted(x0, y0, x1, y1));
    }
  }

  /**
   * Reads a box as {@link #toString} writes it.
   *
   * @param text {@code x0,y0,x1,y1}
   * @return the box
   * @throws TargetException if it is something else
   */
  public static BoundingBox parse(String text) {
    if (!NOTATION.matcher(text).matches()) {
      throw new TargetException("'%s' is not a box; write x0,y0,x1,y1, in pixels".formatted(text));
    }
    String[] sides = text.split(",", -1);
    return new BoundingBox(
        Double.parseDouble(sides[0]),
        Double.parseDouble(sides[1]),
        Double.parseDouble(sides[2]),
        Double.parseDouble(sides[3]));
  }

  /**
   * Its size.
   *
   * @return in square pixels, more than 0
   */
  public double area() {
    return (x1 - x0) * (y1 - y0);
  }

  /**
   * The sides.
   *
   * @return for example {@code 12.5,30,80,96.25}
   */
  @Override
  public String toString() {
    return textOf(x0) + "," + textOf(y0) + "," + textOf(x1) + "," + textOf(y1);
  }

  private static String textOf(double side) {
    // To a hundredth of a pixel, and without zeros at the end.
    return String.format(Locale.ROOT, "%.2f", side).replaceFirst("\\.?0+$", "");
  }
}
