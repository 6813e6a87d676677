package org.scorecam;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Whether the maps of inputs that go through the network together are those of single ones. */
class FirstPassTest {
  private static final double TOLERANCE = 1e-5;

  private static final int INPUTS = 8;

  private static final int BATCHES = 10;

  private static List<Target> targets(int count) {
    return Collections.nCopies(count, Target.ofClass(3));
  }

  private static void close(List<Saliency> maps) {
    maps.forEach(Saliency::close);
  }

  /** Different inputs; needs an open scope. */
  private static Tensor inputs(int count) {
    Tensor input = Goldens.tensor("tinyresnet.input.npy");
    return input.add(torch.randn(new long[] {count, 3, input.size(2), input.size(3)}));
  }

  @Test
  void mapsOfManyBatchesAreThoseOfSingleInputs() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        ScoreCam cam =
            ScoreCam.on(model).layer("layer3").channels(ChannelSelection.topMax(4)).build();
        NativeScope scope = NativeScope.open()) {
      torch.manual_seed(1);
      Tensor inputs = inputs(INPUTS);
      List<float[]> single = new ArrayList<>();
      for (int i = 0; i < INPUTS; i++) {
        try (Saliency map = cam.explain(inputs.narrow(0, i, 1), Target.ofClass(3))) {
          single.add(Tensors.toArray(map.tensor()));
        }
      }
      for (int batch = 0; batch < BATCHES; batch++) {
        List<Saliency> maps = cam.explainBatch(inputs, targets(INPUTS));
        for (int i = 0; i < INPUTS; i++) {
          float[] map = Tensors.toArray(maps.get(i).tensor());
          Goldens.assertClose(single.get(i), map, TOLERANCE);
        }
        close(maps);
      }
    }
  }
}
