package example;

import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.demo.DemoNetwork;
import org.scorecam.image.Heatmap;
import org.scorecam.image.Overlay;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;
import org.scorecam.image.Region;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.runtime.Device;

/** Explains a picture of one disc with the network that scorecam's jar carries. */
public final class Explain {
  private static final int SIDE = 128;

  private Explain() {}

  private static boolean inDisc(int x, int y) {
    return Math.hypot(x - 40, y - 84) <= 18;
  }

  private static Picture disc() {
    byte[] rgb = new byte[3 * SIDE * SIDE];
    for (int y = 0; y < SIDE; y++) {
      for (int x = 0; x < SIDE; x++) {
        boolean inside = inDisc(x, y);
        int pixel = 3 * (y * SIDE + x);
        rgb[pixel] = (byte) (inside ? 220 : 60);
        rgb[pixel + 1] = (byte) (inside ? 40 : 90);
        rgb[pixel + 2] = (byte) (inside ? 40 : 120);
      }
    }
    return Picture.of(SIDE, SIDE, rgb);
  }

  /** How many times as much of the map lies on a pixel of the disc as on one beside it. */
  private static double contrast(float[][] map) {
    double inside = 0;
    double outside = 0;
    int pixels = 0;
    for (int y = 0; y < SIDE; y++) {
      for (int x = 0; x < SIDE; x++) {
        if (inDisc(x, y)) {
          inside += map[y][x];
          pixels++;
        } else {
          outside += map[y][x];
        }
      }
    }
    return inside / pixels / (outside / (SIDE * SIDE - pixels));
  }

  public static void main(String[] arguments) throws Exception {
    Picture picture = disc();
    Path file = DemoNetwork.extract();
    try (HookedModel model = TorchScriptModel.load(file, Device.cpu());
        ScoreCam cam = ScoreCam.on(model).layer(DemoNetwork.LAYER).build();
        Tensor input = Preprocessing.none().apply(picture);
        Saliency map = cam.explain(input, Target.top1())) {
      float[][] values = map.toArray();
      double contrast = contrast(values);
      if (!(contrast > 3)) {
        throw new IllegalStateException("the map is not of the disc: contrast " + contrast);
      }
      Region seen = Preprocessing.none().regionOf(picture);
      Path overlay = Path.of(arguments[0]);
      Overlay.jet().draw(Heatmap.of(values), picture, seen).write(overlay);
      System.out.printf(
          "explained %s in %d passes, contrast %.1f, on the %s path%n",
          map.target(),
          map.status().passes(),
          contrast,
          Explain.class.getModule().isNamed() ? "module" : "class");
    } finally {
      Files.deleteIfExists(file);
    }
  }
}
