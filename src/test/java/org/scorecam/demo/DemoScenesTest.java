package org.scorecam.demo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.util.List;
import org.junit.jupiter.api.Test;

class DemoScenesTest {
  /** They were drawn where the network was trained: the generator must give the same ones here. */
  @Test
  void areWhatTheGeneratorDraws() {
    List<DemoScenes.Entry> index = DemoScenes.index();
    List<Scene> scenes = DemoScenes.load();
    assertTrue(scenes.size() >= 2);
    assertEquals(index.size(), scenes.size());
    for (int i = 0; i < scenes.size(); i++) {
      Scene drawn = SceneGenerator.scene(index.get(i).seed());
      assertEquals(drawn.objects(), scenes.get(i).objects());
      assertArrayEquals(pixels(drawn.image()), pixels(scenes.get(i).image()));
    }
  }

  private static int[] pixels(BufferedImage image) {
    return image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth());
  }
}
