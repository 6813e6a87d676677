package org.scorecam.zoo;

import java.nio.file.Path;
import org.scorecam.model.ModuleModel;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.weights.WeightFile;
import org.scorecam.weights.WeightLoader;

/** The zoo's ViT, made small, with the weights that golden maps were made with. */
public final class SmallVisionTransformer {
  private SmallVisionTransformer() {}

  /** Three blocks of two heads, for inputs of 3×32×32 and six classes; the caller's. */
  public static ModuleModel load() {
    try (NativeScope scope = NativeScope.open();
        WeightFile weights = WeightFile.open(Path.of("src/test/resources/vit/zoovit.pth"))) {
      ZooOptions options = new ZooOptions(6, 3).withInputSide(32);
      VisionTransformer network = new VisionTransformer(8, 16, 3, 2, options);
      WeightLoader.into(network).load(weights);
      return ModuleModel.of(scope.keep(network), Device.cpu());
    }
  }
}
