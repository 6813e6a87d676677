package org.scorecam;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.model.HookedModel;
import org.scorecam.tensor.Tensors;

/**
 * A program that explains 300 different inputs and prints its resident memory in KiB after the
 * 100th and the 300th, a line each. A Java machine of its own has no other tests' memory.
 */
public final class MemoryCheck {
  private static final int SIZE = 64;
  private static final int PAGE_KIB = 4;

  private MemoryCheck() {}

  public static void main(String[] arguments) throws IOException {
    Random random = new Random(1);
    Recipe[] recipes = Recipe.published().toArray(Recipe[]::new);
    try (HookedModel model = Goldens.model("tinydead_script.pt")) {
      ScoreCam[] cams = new ScoreCam[recipes.length];
      for (int i = 0; i < cams.length; i++) {
        cams[i] = ScoreCam.on(model).layer("relu").recipe(recipes[i]).build();
      }
      for (int i = 1; i <= 300; i++) {
        try (Tensor input = noise(random);
            Saliency saliency = cams[i % cams.length].explain(input, Target.ofClass(i % 5))) {
          saliency.toArray();
        }
        if (i == 100 || i == 300) {
          System.out.println(residentKib());
        }
      }
      for (ScoreCam cam : cams) {
        cam.close();
      }
    }
  }

  private static Tensor noise(Random random) {
    float[] values = new float[3 * SIZE * SIZE];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensors.of(values, 1, 3, SIZE, SIZE);
  }

  /** The second number of the file: pages that are in memory. */
  private static long residentKib() throws IOException {
    return Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ", -1)[1])
        * PAGE_KIB;
  }
}
