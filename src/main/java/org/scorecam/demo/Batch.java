package org.scorecam.demo;

import java.util.function.LongFunction;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Pictures of one size with what is in them; lives as long as the scope open.
 *
 * @param pictures float32 [N, 3, H, W]
 * @param cover float32 [N, 6, H / 16, W / 16]: how the box of each kind's object spreads over the
 *     places of the activation maps, summing to 1; all 0 for a kind that is not there
 */
record Batch(Tensor pictures, Tensor cover) {
  /** Pixels a side that one place of the activation maps stands for. */
  static final int CELL = 16;

  /** Draws {@code count} pictures, of the seeds from {@code firstSeed} on. */
  static Batch draw(LongFunction<Scene> pictureOf, long firstSeed, int count, int size) {
    int kinds = ShapeKind.values().length;
    int side = size / CELL;
    float[] planes = new float[count * 3 * size * size];
    float[] cover = new float[count * kinds * side * side];
    IntStream.range(0, count)
        .parallel()
        .forEach(
            i -> {
              Scene scene = pictureOf.apply(firstSeed + i);
              scene.writePlanes(planes, i * 3 * size * size);
              for (SceneObject object : scene.objects()) {
                spread(object.box(), cover, (i * kinds + object.kind().classIndex()) * side, side);
              }
            });
    return new Batch(
        torch.from_blob(new FloatPointer(planes), count, 3, size, size),
        torch.from_blob(new FloatPointer(cover), count, kinds, side, side));
  }

  private static void spread(Box box, float[] cover, int firstLine, int side) {
    for (int y = box.y(); y < box.y() + box.height(); y++) {
      for (int x = box.x(); x < box.x() + box.width(); x++) {
        cover[(firstLine + y / CELL) * side + x / CELL] += 1f / box.area();
      }
    }
  }
}
