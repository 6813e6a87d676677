package org.scorecam.demo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.scorecam.runtime.NativeScope;

class SceneGeneratorTest {
  private static final List<Scene> SCENES =
      LongStream.range(0, 300).mapToObj(SceneGenerator::scene).toList();

  @Test
  void aSeedGivesOneSceneAndAnotherSeedAnother() {
    assertArrayEquals(pixels(SceneGenerator.scene(5)), pixels(SCENES.get(5).image()));
    assertEquals(SceneGenerator.scene(5).objects(), SCENES.get(5).objects());
    assertFalse(Arrays.equals(pixels(SCENES.get(5).image()), pixels(SCENES.get(6).image())));
  }

  @Test
  void objectsAreTwoOrThreeOfDifferentKindsApartAndInside() {
    for (Scene scene : SCENES) {
      List<SceneObject> objects = scene.objects();
      assertTrue(objects.size() == 2 || objects.size() == 3, objects::toString);
      Set<ShapeKind> kinds = new HashSet<>();
      for (SceneObject object : objects) {
        Box box = object.box();
        assertTrue(kinds.add(object.kind()), objects::toString);
        assertTrue(box.x() + box.width() <= SceneGenerator.SIZE, objects::toString);
        assertTrue(box.y() + box.height() <= SceneGenerator.SIZE, objects::toString);
        assertTrue(
            objects.stream().noneMatch(other -> !other.equals(object) && other.box().overlaps(box)),
            objects::toString);
      }
    }
  }

  /** Otherwise a class could be told from how often it comes, or from its colour. */
  @Test
  void kindsComeEquallyOftenAndInAllColours() {
    Map<ShapeKind, double[]> sums = new EnumMap<>(ShapeKind.class);
    for (Scene scene : SCENES) {
      for (SceneObject object : scene.objects()) {
        Box box = object.box();
        double[] sum = sums.computeIfAbsent(object.kind(), kind -> new double[4]);
        // On the shape, or within the ring: its colour, or the background's.
        int rgb = scene.image().getRGB(box.x() + box.width() / 2, box.y() + box.height() / 2);
        sum[0] += rgb >> 16 & 0xff;
        sum[1] += rgb >> 8 & 0xff;
        sum[2] += rgb & 0xff;
        sum[3]++;
      }
    }
    assertEquals(ShapeKind.values().length, sums.size());
    sums.forEach(
        (kind, sum) -> {
          assertEquals(2.5 / 6, sum[3] / SCENES.size(), 0.1, kind::toString);
          for (int channel = 0; channel < 3; channel++) {
            assertEquals(0.5, sum[channel] / sum[3] / 255, 0.12, kind::toString);
          }
        });
  }

  @Test
  void theTensorHoldsThePictureInPlanes() {
    Scene scene = SCENES.get(0);
    try (NativeScope scope = NativeScope.open()) {
      Tensor tensor = scene.toTensor();
      assertEquals(ScalarType.Float, tensor.scalar_type().intern());
      assertArrayEquals(
          new long[] {1, 3, SceneGenerator.SIZE, SceneGenerator.SIZE}, tensor.shape());
      int rgb = scene.image().getRGB(17, 90);
      FloatPointer planes = tensor.data_ptr_float();
      int plane = SceneGenerator.SIZE * SceneGenerator.SIZE;
      int pixel = 90 * SceneGenerator.SIZE + 17;
      assertEquals((rgb >> 16 & 0xff) / 255f, planes.get(pixel));
      assertEquals((rgb >> 8 & 0xff) / 255f, planes.get(plane + pixel));
      assertEquals((rgb & 0xff) / 255f, planes.get(2L * plane + pixel));
    }
  }

  private static int[] pixels(Scene scene) {
    return pixels(scene.image());
  }

  private static int[] pixels(BufferedImage image) {
    return image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth());
  }
}
