package org.scorecam.demo;

import java.util.SplittableRandom;

/** A pattern that fills a picture: how far each pixel is from one colour towards another. */
@FunctionalInterface
interface Texture {
  /** The share of the second colour at a pixel, in [0, 1]. */
  double at(int column, int row);

  /** One of the patterns below, its parameters drawn. */
  static Texture draw(SplittableRandom random, int size) {
    return switch (random.nextInt(4)) {
      case 0 -> gradient(random, size);
      case 1 -> stripes(random);
      case 2 -> checks(random);
      default -> noise(random, size);
    };
  }

  private static Texture gradient(SplittableRandom random, int size) {
    double angle = 2 * StrictMath.PI * random.nextDouble();
    double dx = StrictMath.cos(angle) / size;
    double dy = StrictMath.sin(angle) / size;
    double middle = (size - 1) / 2.0;
    return (column, row) ->
        Math.max(0, Math.min(1, 0.5 + (column - middle) * dx + (row - middle) * dy));
  }

  private static Texture stripes(SplittableRandom random) {
    double angle = StrictMath.PI * random.nextDouble();
    double period = 6 + 18 * random.nextDouble();
    double dx = StrictMath.cos(angle) / period;
    double dy = StrictMath.sin(angle) / period;
    // A triangle wave, smoothed: the sine's look without its cost.
    return (column, row) -> {
      double phase = column * dx + row * dy;
      return smooth(Math.abs(2 * (phase - Math.floor(phase)) - 1));
    };
  }

  private static Texture checks(SplittableRandom random) {
    int side = 4 + random.nextInt(9);
    int left = random.nextInt(side);
    int top = random.nextInt(side);
    return (column, row) -> ((column + left) / side + (row + top) / side) % 2;
  }

  /** Value noise: random numbers on a lattice, smoothly interpolated. */
  private static Texture noise(SplittableRandom random, int size) {
    int cell = 4 + random.nextInt(13);
    int side = size / cell + 2;
    double[][] lattice = new double[side][side];
    for (double[] line : lattice) {
      for (int i = 0; i < side; i++) {
        line[i] = random.nextDouble();
      }
    }
    return (column, row) -> {
      double[] upper = lattice[row / cell];
      double[] lower = lattice[row / cell + 1];
      int i = column / cell;
      double right = smooth((double) (column % cell) / cell);
      double down = smooth((double) (row % cell) / cell);
      double above = upper[i] + right * (upper[i + 1] - upper[i]);
      double below = lower[i] + right * (lower[i + 1] - lower[i]);
      return above + down * (below - above);
    };
  }

  private static double smooth(double t) {
    return t * t * (3 - 2 * t);
  }
}
