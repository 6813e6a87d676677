package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Collections;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.NativeScope;

/** How many inputs go through the network together, by what one of them took. */
class InputsAtOnceTest {
  private static final int MOST = 8;

  private final DeviceMemory memory = DeviceMemory.of(Device.cpu());
  private final InputsAtOnce atOnce = new InputsAtOnce(MOST, Device.cpu());

  /** A pass that takes a part of the memory there is, to which nobody writes. */
  private String pass(Tensor images, long part) {
    long values = memory.available().orElseThrow() / part / Float.BYTES;
    return atOnce.measured(
        images,
        () -> {
          torch.empty(values).close();
          return "measured";
        },
        () -> "done");
  }

  @Test
  void noMoreThanThereIsMemoryFor() {
    assumeTrue(
        memory.available().isPresent()
            && memory.peakOf(() -> torch.empty(1 << 20).close()).isPresent(),
        "what tensors take is known of our own allocator alone");
    try (NativeScope scope = NativeScope.open()) {
      Tensor images = torch.zeros(MOST, 3, 8, 8);
      Tensor larger = torch.zeros(MOST, 3, 8, 9);
      assertEquals(1, atOnce.of(images, MOST), "nothing is known");
      assertEquals("done", pass(images, 1000));
      assertEquals(1, atOnce.of(images, MOST), "several tell nothing of one");
      assertEquals("measured", pass(images.narrow(0, 0, 1), 1000));
      assertEquals("done", pass(images.narrow(0, 0, 1), 1000));
      assertEquals(MOST, atOnce.of(images, MOST));
      assertEquals(1, atOnce.of(images, 1));
      assertEquals(1, atOnce.of(larger, MOST), "may take any number of times as much");
      pass(larger.narrow(0, 0, 1), 10);
      assertEquals(2, atOnce.of(larger, MOST));
    }
  }

  @Test
  void gradientsOfManyInputsAreTakenAfterThoseOfOne() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        GradientCam cam = GradientCam.on(model, GradientCam.Method.GRAD).layer("layer3").build();
        NativeScope scope = NativeScope.open()) {
      Tensor inputs = torch.randn(10, 3, 64, 64);
      List<Saliency> maps = cam.explainBatch(inputs, Collections.nCopies(10, Target.ofClass(3)));
      List<Long> rows = maps.stream().map(map -> map.plan().rows()).toList();
      maps.forEach(Saliency::close);
      assertEquals(List.of(1L, 8L, 8L, 8L, 8L, 8L, 8L, 8L, 8L, 1L), rows);
    }
  }
}
