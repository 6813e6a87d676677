package org.scorecam;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModelOutput;
import org.scorecam.nn.HookHandle;
import org.scorecam.runtime.NativeScope;

/**
 * Score-CAM as the paper writes it, for networks that have no golden map: every map at the input's
 * size, every masked input at once, the network as it was loaded.
 */
final class PaperScoreCam {
  private static final double EPSILON = 1e-10;

  private PaperScoreCam() {}

  /** The map [H, W] of an input [1, C, H, W], owned by the caller. */
  static Tensor explain(HookedModel model, String layer, Tensor input, long classIndex) {
    List<Tensor> seen = new ArrayList<>();
    try (NativeScope scope = NativeScope.open();
        HookHandle hook =
            model.registerForwardHook(layer, (path, maps) -> seen.add(maps.clone()))) {
      model.forward(input).close();
      long[] size = {input.size(2), input.size(3)};
      Tensor maps = torch.upsample_bicubic2d(seen.get(0), size, false).transpose(0, 1);
      Tensor flat = maps.flatten(1, -1);
      Tensor low = flat.amin(new long[] {1}, false).view(-1, 1, 1, 1);
      Tensor high = flat.amax(new long[] {1}, false).view(-1, 1, 1, 1);
      Tensor masks = maps.sub(low).div(high.sub(low).add(new Scalar(EPSILON)));
      try (ModelOutput output = model.forward(masks.mul(input))) {
        Tensor weights = torch.softmax(output.tensor().select(1, classIndex), 0);
        Tensor sum = maps.mul(weights.view(-1, 1, 1, 1)).sum(new long[] {0}, false, null);
        return scope.keep(sum.squeeze(0).relu());
      }
    }
  }
}
