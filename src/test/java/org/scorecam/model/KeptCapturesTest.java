package org.scorecam.model;

import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.NativeObjects;
import org.scorecam.ScriptedModels;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.graph.FixedInputs;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** How many rewritten programs a network keeps, and that none is freed while it runs. */
class KeptCapturesTest {
  private static final List<String> LAYERS = List.of("a", "b", "c", "d", "e", "f", "g");

  @TempDir Path folder;

  /** A small network with these layers, one after the other. */
  private JitModule network() {
    String calls =
        LAYERS.stream().map("    x = self.%s.forward(x)\n"::formatted).collect(joining());
    Script net =
        ScriptedModels.script(
            "Net", "def forward(self, x: Tensor) -> Tensor:\n" + calls + "    return x\n");
    LAYERS.forEach(layer -> net.child(layer, ScriptedModels.timesPlus(2, 1)));
    JitModule module = torch.load(net.save(folder).toString());
    module.eval();
    return module;
  }

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

  private static LayerCapture captureOf(JitModule module, Watch watch) {
    return new LayerCapture(module, watch, Device.cpu(), FixedInputs.none(module));
  }

  @Test
  void thoseUsedLastAreKept() {
    NativeObjects.assertNoneLeftBy(
        () -> {
          try (NativeScope scope = NativeScope.open();
              Tensor input = Tensors.of(new float[] {1}, 1, 1)) {
            JitModule module = network();
            List<Watch> made = new ArrayList<>();
            try (KeptCaptures<LayerCapture> kept =
                new KeptCaptures<>(
                    watch -> {
                      made.add(watch);
                      return captureOf(module, watch);
                    },
                    LayerCapture::close)) {
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
        Tensor input = Tensors.of(new float[] {1}, 1, 1)) {
      JitModule module = network();
      try (KeptCaptures<LayerCapture> kept =
          new KeptCaptures<>(watch -> captureOf(module, watch), LayerCapture::close)) {
        useAll(kept, watches(), input);
        assertEquals(KeptCaptures.LIMIT, kept.size());
      }
    }
  }

  /** Uses each while those before it are in use. */
  private static void useAll(KeptCaptures<LayerCapture> kept, List<Watch> watches, Tensor input) {
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
