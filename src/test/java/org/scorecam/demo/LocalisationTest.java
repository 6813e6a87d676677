package org.scorecam.demo;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.runtime.Device;

/** The maps of the demo's network lie where the explained objects are, on scenes it never saw. */
class LocalisationTest {
  private static final int SCENES = 200;
  private static final double ENERGY_OVER_AREA = 2;
  private static final double OWN_BOX_FIRST = 0.85;

  @Test
  void explainedObjectHoldsTheEnergy() throws Exception {
    Path file = DemoNetwork.extract();
    int objects = 0;
    int ownBoxFirst = 0;
    double energy = 0;
    double area = 0;
    try (HookedModel network = TorchScriptModel.load(file, Device.cpu());
        ScoreCam cam = ScoreCam.on(network).layer(DemoNetwork.LAYER).batch(96).build()) {
      for (long seed = 0; seed < SCENES; seed++) {
        Scene scene = SceneGenerator.scene(seed);
        try (Tensor input = scene.toTensor()) {
          for (SceneObject object : scene.objects()) {
            try (Saliency saliency =
                cam.explain(input, Target.ofClass(object.kind().classIndex()))) {
              float[][] map = saliency.toArray();
              double own = object.box().share(map);
              objects++;
              energy += own;
              area += (double) object.box().area() / (SceneGenerator.SIZE * SceneGenerator.SIZE);
              boolean first =
                  scene.objects().stream()
                      .allMatch(other -> other.equals(object) || other.box().share(map) < own);
              ownBoxFirst += first ? 1 : 0;
            }
          }
        }
      }
    } finally {
      Files.delete(file);
    }
    double ratio = energy / area;
    double share = (double) ownBoxFirst / objects;
    System.out.printf(
        "%d objects of %d scenes: energy in the own box %.2f times its area;"
            + " more than in any other box for %.1f %%%n",
        objects, SCENES, ratio, 100 * share);
    assertTrue(ratio >= ENERGY_OVER_AREA, () -> "energy only " + ratio + " times the area");
    assertTrue(share >= OWN_BOX_FIRST, () -> "own box first only for " + share);
  }
}
