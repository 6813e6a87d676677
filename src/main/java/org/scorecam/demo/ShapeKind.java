package org.scorecam.demo;

/**
 * The six kinds of objects in a scene, in the order of the network's classes.
 *
 * <p>Each is an outline within the unit circle about its centre, upright; the generator scales,
 * turns and colours it.
 */
public enum ShapeKind {
  /** A filled circle. */
  DISC(0) {
    @Override
    boolean contains(double x, double y) {
      return x * x + y * y <= 0.9 * 0.9;
    }
  },
  /** A filled square. */
  SQUARE(1) {
    @Override
    boolean contains(double x, double y) {
      return Math.abs(x) <= 0.7 && Math.abs(y) <= 0.7;
    }
  },
  /** A filled equilateral triangle. */
  TRIANGLE(2) {
    @Override
    boolean contains(double x, double y) {
      return y >= -0.5 && SQRT_3 * Math.abs(x) + y <= 1;
    }
  },
  /** A five-pointed star. */
  STAR(3) {
    @Override
    boolean contains(double x, double y) {
      // A point of the pentagram lies on the inner side of at least four of its five lines.
      int inside = 0;
      for (int line = 0; line < 5; line++) {
        if (x * STAR_NORMALS[line][0] + y * STAR_NORMALS[line][1] <= STAR_INRADIUS) {
          inside++;
        }
      }
      return inside >= 4;
    }
  },
  /** A circle with a wide hole. */
  RING(4) {
    @Override
    boolean contains(double x, double y) {
      double squared = x * x + y * y;
      return squared <= 0.95 * 0.95 && squared >= 0.55 * 0.55;
    }
  },
  /** Two bars of equal length at a right angle. */
  CROSS(5) {
    @Override
    boolean contains(double x, double y) {
      double across = Math.min(Math.abs(x), Math.abs(y));
      double along = Math.max(Math.abs(x), Math.abs(y));
      return across <= 0.26 && along <= 0.95;
    }
  };

  private static final double SQRT_3 = StrictMath.sqrt(3);

  /**
   * How far the five lines of a pentagram with its points on the unit circle are from its centre.
   */
  private static final double STAR_INRADIUS = StrictMath.cos(2 * StrictMath.PI / 5);

  private static final double[][] STAR_NORMALS = new double[5][];

  static {
    for (int line = 0; line < 5; line++) {
      double angle = 2 * StrictMath.PI * line / 5;
      STAR_NORMALS[line] = new double[] {StrictMath.sin(angle), StrictMath.cos(angle)};
    }
  }

  private final int classIndex;

  ShapeKind(int classIndex) {
    this.classIndex = classIndex;
  }

  /**
   * Which of the network's six scores is this kind's.
   *
   * @return from 0 to 5
   */
  public int classIndex() {
    return classIndex;
  }

  /** Whether a point of the outline's own coordinates, within the unit circle, is on the shape. */
  abstract boolean contains(double x, double y);
}
