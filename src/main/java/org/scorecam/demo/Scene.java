package org.scorecam.demo;

import java.awt.image.BufferedImage;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.runtime.LibTorch;

/**
 * A picture whose objects are known.
 *
 * @param image the picture, RGB
 * @param objects two or three, each of another kind, their boxes apart
 */
public record Scene(BufferedImage image, List<SceneObject> objects) {
  /**
   * Copies the list.
   *
   * @param image the picture, RGB
   * @param objects two or three, each of another kind, their boxes apart
   */
  public Scene {
    objects = List.copyOf(objects);
  }

  /**
   * The picture as the demo's network takes it.
   *
   * @return float32 [1, 3, H, W] on the CPU, channels R, G, B, values in [0, 1]; owned by the
   *     caller or by the scope it has open
   */
  public Tensor toTensor() {
    LibTorch.load();
    float[] planes = new float[3 * image.getWidth() * image.getHeight()];
    writePlanes(planes, 0);
    return torch.tensor(planes).reshape(1, 3, image.getHeight(), image.getWidth());
  }

  /** Writes the three planes, R, G, B, each value in [0, 1], from an offset on. */
  void writePlanes(float[] planes, int offset) {
    int width = image.getWidth();
    int area = width * image.getHeight();
    int[] pixels = image.getRGB(0, 0, width, image.getHeight(), null, 0, width);
    for (int i = 0; i < area; i++) {
      planes[offset + i] = (pixels[i] >> 16 & 0xff) / 255f;
      planes[offset + area + i] = (pixels[i] >> 8 & 0xff) / 255f;
      planes[offset + 2 * area + i] = (pixels[i] & 0xff) / 255f;
    }
  }
}
