package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.MaskSampling;
import org.scorecam.mask.TensorMasker;
import org.scorecam.model.HookedModel;
import org.scorecam.tensor.HostReads;

/**
 * How often values are brought to the host, where a CUDA device would be waited for. The code is
 * the same on the CPU, so that it is counted here.
 */
class HostReadsTest {
  /** Whether the input is finite: of one that lies on the host, no device is asked. */
  private static final int OF_INPUT = 1;

  /** Where each selected channel has a pass of its own: all that is to know, and the map. */
  private static final int OF_RESULT = 1;

  /** The network's output, and the ranges of the maps. */
  private static final int BEFORE_CHUNKS = 2;

  /** The scores, and whether the map is blank. */
  private static final int AFTER_CHUNKS = 2;

  private static final int ONCE = OF_INPUT + BEFORE_CHUNKS + AFTER_CHUNKS;

  /** After an explanation in which all that is tried out once has been. */
  private static long readsOf(ScoreCam.Builder builder, List<Target> targets) {
    try (Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam = builder.build()) {
      Runnable explain = () -> cam.explain(input, targets).forEach(Saliency::close);
      explain.run();
      return HostReads.during(explain);
    }
  }

  private static ScoreCam.Builder on(HookedModel model) {
    return ScoreCam.on(model).layer("layer3");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 64})
  void noneIsWithinTheChunksHoweverManyThereAre(int rows) {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt")) {
      ScoreCam.Builder builder = on(model).batch(rows);
      assertEquals(ONCE, readsOf(builder, List.of(Target.top1())));
      assertEquals(ONCE, readsOf(builder, List.of(Target.ofClass(3))));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 64})
  void whereNoPassIsSharedThereIsOneForTheResult(int rows) {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt")) {
      ScoreCam.Builder builder = on(model).batch(rows).sharedPasses(false);
      assertEquals(OF_INPUT + OF_RESULT, readsOf(builder, Target.top(3)));
      builder.channels(ChannelSelection.topMax(8)).sampling(MaskSampling.scaled(4));
      assertEquals(OF_INPUT + OF_RESULT, readsOf(builder, List.of(Target.ofClass(3))));
      builder.masker(new TensorMasker());
      assertEquals(OF_INPUT + OF_RESULT, readsOf(builder, List.of(Target.top1())));
    }
  }

  @Test
  void theResultIsReadWithTheMap() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam = on(model).sharedPasses(false).build();
        Saliency map = cam.explain(input, Target.top1())) {
      assertEquals(0, HostReads.during(map::toArray));
      // Who asks for the tensor may have changed it.
      map.tensor().zero_();
      assertEquals(0, map.values()[0]);
      assertEquals(1, HostReads.during(map::values));
    }
  }

  @Test
  void aFurtherTargetOrAKeyOfTheChannelsTakesOneMore() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt")) {
      assertEquals(ONCE + 1, readsOf(on(model), Target.top(2)));
      ScoreCam.Builder strongest = on(model).channels(ChannelSelection.topMax(8));
      assertEquals(ONCE + 1, readsOf(strongest, List.of(Target.top1())));
    }
  }

  @Test
  void theMaskerOfLibTorchsOperationsReadsOnce() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt")) {
      assertEquals(ONCE, readsOf(on(model).masker(new TensorMasker()), List.of(Target.top1())));
    }
  }
}
