package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.scorecam.mask.ChannelFacts;
import org.scorecam.mask.MaskRule;
import org.scorecam.mask.Masker;
import org.scorecam.mask.Masks;
import org.scorecam.model.HookedModel;

/** A masker that is none of scorecam's. */
class OwnMaskerTest {
  /** Hides nothing, so that every masked input is the image, and knows channel 5 to be as 2. */
  private static final class Hiding implements Masker {
    private int closed;

    @Override
    public Masks prepare(Tensor activations, Tensor image, MaskRule rule) {
      int channels = (int) activations.size(0);
      int[] firstEqual = IntStream.range(0, channels).toArray();
      firstEqual[5] = 2;
      ChannelFacts facts = new ChannelFacts(new BitSet(), new BitSet(), firstEqual);
      return new Masks() {
        @Override
        public ChannelFacts facts() {
          return facts;
        }

        @Override
        public void write(long[] written, Tensor rows) {
          assertEquals(written.length, rows.size(0));
          rows.copy_(image.expand(rows.shape()));
        }

        @Override
        public void close() {
          closed++;
        }
      };
    }

    @Override
    public String description() {
      return "hides nothing";
    }
  }

  @Test
  void masksOfAnyKindAreScored() {
    Hiding masker = new Hiding();
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").masker(masker).build();
        Saliency saliency = cam.explain(input, Target.ofClass(3))) {
      assertEquals(63, saliency.status().passes());
      for (float score : saliency.scores()) {
        assertEquals(saliency.referenceScore(), score, 1e-4);
      }
      assertTrue(masker.closed > 0);
    }
  }
}
