package org.scorecam.scoring;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.scorecam.Goldens;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.Device;
import org.scorecam.tensor.Tensors;

/** What is in a chunk before masked inputs are. */
class ChunkPoolTest {
  private static final long[] SHAPE = {4, 1, 4, 4};

  @Test
  void rowsAreBlackWhateverTheMemoryHeld() {
    // Small blocks are given out again as they were, the last one first.
    List<Tensor> before = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      before.add(torch.full(SHAPE, new Scalar(Double.NaN)));
    }
    before.forEach(Tensor::close);
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor chunk = ChunkPool.allocate(SHAPE, model.scorer(), Device.cpu())) {
      assertArrayEquals(new float[64], Tensors.toArray(chunk));
    }
  }
}
