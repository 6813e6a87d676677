package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/** How many rewritten programs a network keeps, and that none is freed while it runs. */
class KeptCapturesTest {
  private static final List<String> LAYERS =
      List.of("conv1", "bn1", "relu", "layer1", "layer2", "layer3", "fc");

  /** More than are kept: pairs of layers. */
  private static List<Watch> watches() {
    List<Watch> watches = new ArrayList<>();
    for (String first : LAYERS) {
      for (String second : LAYERS) {
        if (!first.equals(second)) {
          watches.add(new Watch(List.of(first, second), RepeatedCall.LAST, CaptureMoment.AT_CALL));
        }
      }
    }
    assertTrue(watches.size() > 2 * KeptCaptures.LIMIT);
    return watches;
  }

  @Test
  void thoseUsedLastAreKept() {
    NativeObjects.assertNoneLeftBy(
        () -> {
          try (NativeScope scope = NativeScope.open();
              Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
            JitModule module = torch.load(Goldens.file("tinyresnet_script.pt").toString());
            module.eval();
            List<Watch> made = new ArrayList<>();
            try (KeptCaptures kept =
                new KeptCaptures(
                    watch -> {
                      made.add(watch);
                      return new LayerCapture(
                          module, watch, Device.cpu(), FixedInputs.none(module));
                    })) {
              for (Watch watch : watches()) {
                kept.with(watch, capture -> capture.run(input)).close();
                kept.with(watches().get(0), capture -> capture.run(input)).close();
                assertTrue(kept.size() <= KeptCaptures.LIMIT);
              }
              assertEquals(watches(), made);
            }
          }
        });
  }

  @Test
  void whatIsInUseIsNotFreed() {
    try (NativeScope scope = NativeScope.open();
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      JitModule module = torch.load(Goldens.file("tinyresnet_script.pt").toString());
      module.eval();
      try (KeptCaptures kept =
          new KeptCaptures(
              watch -> new LayerCapture(module, watch, Device.cpu(), FixedInputs.none(module)))) {
        useAll(kept, watches(), input);
        assertEquals(KeptCaptures.LIMIT, kept.size());
      }
    }
  }

  /** Uses each while those before it are in use. */
  private static void useAll(KeptCaptures kept, List<Watch> watches, Tensor input) {
    if (watches.isEmpty()) {
      return;
    }
    kept.with(
        watches.get(0),
        held -> {
          useAll(kept, watches.subList(1, watches.size()), input);
          Capture capture = held.run(input);
          assertEquals(2, capture.activations().size());
          capture.close();
          return null;
        });
  }
}
