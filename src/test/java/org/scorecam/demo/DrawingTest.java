package org.scorecam.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DrawingTest {
  private static final double RADIUS = 20;

  @ParameterizedTest
  @EnumSource
  void everySideOfTheBoxTouchesTheShape(ShapeKind kind) {
    for (double angle = 0; angle < 6; angle += 0.3) {
      Drawing drawing = Drawing.of(kind, 31.3, 27.8, RADIUS, angle);
      int width = drawing.box().width();
      int height = drawing.box().height();
      assertTrue(touches(drawing, IntStream.range(0, width)), "top");
      assertTrue(touches(drawing, IntStream.range(width * (height - 1), width * height)), "bottom");
      assertTrue(touches(drawing, IntStream.range(0, height).map(row -> row * width)), "left");
      assertTrue(
          touches(drawing, IntStream.range(0, height).map(row -> row * width + width - 1)),
          "right");
    }
  }

  @ParameterizedTest
  @EnumSource
  void theBoxHoldsTheWholeShape(ShapeKind kind) {
    double[] coverage = Drawing.of(kind, 31.3, 27.8, RADIUS, 0.7).coverage();
    double expected = area(kind) * RADIUS * RADIUS;
    assertEquals(expected, Arrays.stream(coverage).sum(), 0.02 * expected);
  }

  private static boolean touches(Drawing drawing, IntStream pixels) {
    return pixels.anyMatch(pixel -> drawing.coverage()[pixel] > 0);
  }

  /** By the textbook, for the outlines that ShapeKind gives. */
  private static double area(ShapeKind kind) {
    return switch (kind) {
      case DISC -> Math.PI * 0.9 * 0.9;
      case SQUARE -> 1.4 * 1.4;
      case TRIANGLE -> 3 * Math.sqrt(3) / 4;
      // Ten triangles from the centre, between a point at radius 1 and a notch at radius φ⁻².
      case STAR -> 5 * Math.sin(Math.PI / 5) * (3 - Math.sqrt(5)) / 2;
      case RING -> Math.PI * (0.95 * 0.95 - 0.55 * 0.55);
      case CROSS -> 2 * (0.52 * 1.9) - 0.52 * 0.52;
    };
  }
}
