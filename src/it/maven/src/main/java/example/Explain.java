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

  private static Picture disc(int centreX, int centreY, int radius) {
    byte[] rgb = new byte[3 * SIDE * SIDE];
    for (int y = 0; y < SIDE; y++) {
      for (int x = 0; x < SIDE; x++) {
        boolean inside = Math.hypot(x - centreX, y - centreY) <= radius;
        int pixel = 3 * (y * SIDE + x);
        rgb[pixel] = (byte) (inside ? 220 : 60);
        rgb[pixel + 1] = (byte) (inside ? 40 : 90);
        rgb[pixel + 2] = (byte) (inside ? 40 : 120);
      }
    }
    return Picture.of(SIDE, SIDE, rgb);
  }

  public static void main(String[] arguments) throws Exception {
    Picture picture = disc(40, 84, 18);
    Path file = DemoNetwork.extract();
    try (HookedModel model = TorchScriptModel.load(file, Device.cpu());
        ScoreCam cam = ScoreCam.on(model).layer(DemoNetwork.LAYER).build();
        Tensor input = Preprocessing.none().apply(picture);
        Saliency map = cam.explain(input, Target.top1())) {
      float[][] values = map.toArray();
      if (values.length != SIDE || values[0].length != SIDE || map.status().passes() == 0) {
        throw new IllegalStateException("no map: " + map.status());
      }
      Region seen = Preprocessing.none().regionOf(picture);
      Path overlay = Path.of(arguments[0]);
      Overlay.jet().draw(Heatmap.of(values), picture, seen).write(overlay);
      System.out.printf(
          "explained %s in %d passes, %d bytes of overlay, on the %s path%n",
          map.target(),
          map.status().passes(),
          Files.size(overlay),
          Explain.class.getModule().isNamed() ? "module" : "class");
    } finally {
      Files.deleteIfExists(file);
    }
  }
}
