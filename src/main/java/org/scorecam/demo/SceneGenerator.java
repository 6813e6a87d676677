package org.scorecam.demo;

import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Draws scenes: two or three objects of different kinds, at random places, sizes, angles and in
 * random colours, on a textured background.
 *
 * <p>The seed alone decides the picture, on every machine: nothing but IEEE arithmetic and {@link
 * StrictMath} takes part. The network was trained on scenes of negative seeds; every other seed
 * gives a scene it has not seen.
 */
public final class SceneGenerator {
  /** Rows and columns of a scene. */
  public static final int SIZE = 128;

  /** Rows and columns of a patch: room for the largest object, and whole cells of a batch. */
  static final int PATCH_SIZE = 4 * Batch.CELL;

  private static final double MIN_RADIUS = 13;
  private static final double MAX_RADIUS = 24;

  /** Pixels between two objects' boxes. */
  private static final int GAP = 3;

  /** How far, of the RGB cube's side, an object's colour is at least from both background ones. */
  private static final double CONTRAST = 0.45;

  private SceneGenerator() {}

  /**
   * Draws a scene.
   *
   * @param seed not negative for a scene that training has not seen
   * @return the scene, {@value #SIZE} × {@value #SIZE} pixels
   */
  public static Scene scene(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return draw(SIZE, 2 + random.nextInt(2), random);
  }

  /** A small picture of one object, {@link #PATCH_SIZE} pixels a side. */
  static Scene patch(long seed) {
    return draw(PATCH_SIZE, 1, new SplittableRandom(seed));
  }

  private static Scene draw(int size, int count, SplittableRandom random) {
    Canvas canvas = new Canvas(size, random);
    List<SceneObject> objects = new ArrayList<>();
    Set<ShapeKind> absent = EnumSet.allOf(ShapeKind.class);
    while (objects.size() < count) {
      ShapeKind kind = List.copyOf(absent).get(random.nextInt(absent.size()));
      Drawing drawing = place(kind, size, random);
      if (objects.stream().noneMatch(placed -> near(drawing.box(), placed.box()))) {
        canvas.paint(drawing, random);
        objects.add(new SceneObject(kind, drawing.box()));
        absent.remove(kind);
      }
    }
    return new Scene(canvas.toImage(random), objects);
  }

  private static Drawing place(ShapeKind kind, int size, SplittableRandom random) {
    double radius = MIN_RADIUS + (MAX_RADIUS - MIN_RADIUS) * random.nextDouble();
    double centreX = radius + (size - 2 * radius) * random.nextDouble();
    double centreY = radius + (size - 2 * radius) * random.nextDouble();
    return Drawing.of(kind, centreX, centreY, radius, 2 * StrictMath.PI * random.nextDouble());
  }

  private static boolean near(Box a, Box b) {
    int left = Math.max(0, a.x() - GAP);
    int top = Math.max(0, a.y() - GAP);
    return new Box(left, top, a.width() + 2 * GAP, a.height() + 2 * GAP).overlaps(b);
  }

  /** The picture while it is painted: R, G, B of a pixel beside each other, each in [0, 1]. */
  private static final class Canvas {
    /** The most by which a pixel's brightness is off. */
    private static final double GRAIN = 0.06;

    private final int size;
    private final double[] pixels;
    private final double[] first;
    private final double[] second;

    Canvas(int size, SplittableRandom random) {
      this.size = size;
      pixels = new double[3 * size * size];
      first = colour(random);
      second = colour(random);
      // Half way back to the first: a background must not be as bold as what stands on it.
      blend(second, 0, first, 0.5);
      Texture texture = Texture.draw(random, size);
      for (int i = 0; i < size * size; i++) {
        blend(pixels, i, first, 1);
        blend(pixels, i, second, texture.at(i % size, i / size));
      }
    }

    void paint(Drawing drawing, SplittableRandom random) {
      double[] colour = colour(random);
      while (distance(colour, first) < CONTRAST || distance(colour, second) < CONTRAST) {
        colour = colour(random);
      }
      Box box = drawing.box();
      for (int i = 0; i < drawing.coverage().length; i++) {
        int row = box.y() + i / box.width();
        int column = box.x() + i % box.width();
        blend(pixels, row * size + column, colour, drawing.coverage()[i]);
      }
    }

    BufferedImage toImage(SplittableRandom random) {
      int[] rgb = new int[size * size];
      for (int i = 0; i < rgb.length; i++) {
        double grain = GRAIN * (2 * random.nextDouble() - 1);
        for (int channel = 0; channel < 3; channel++) {
          double value = Math.max(0, Math.min(1, pixels[3 * i + channel] + grain));
          rgb[i] = rgb[i] << 8 | (int) (value * 255 + 0.5);
        }
      }
      BufferedImage image = new BufferedImage(size, size, BufferedImage.TYPE_INT_RGB);
      image.setRGB(0, 0, size, size, rgb, 0, size);
      return image;
    }

    private static double[] colour(SplittableRandom random) {
      return new double[] {random.nextDouble(), random.nextDouble(), random.nextDouble()};
    }

    private static void blend(double[] pixels, int pixel, double[] colour, double share) {
      for (int channel = 0; channel < 3; channel++) {
        double there = pixels[3 * pixel + channel];
        pixels[3 * pixel + channel] = there + share * (colour[channel] - there);
      }
    }

    private static double distance(double[] a, double[] b) {
      double squares = 0;
      for (int channel = 0; channel < 3; channel++) {
        squares += (a[channel] - b[channel]) * (a[channel] - b[channel]);
      }
      return StrictMath.sqrt(squares);
    }
  }
}
