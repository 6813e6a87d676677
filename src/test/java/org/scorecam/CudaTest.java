package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.error.DeviceException;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.runtime.Device;
import org.scorecam.tensor.Tensors;

/** The same on a CUDA device; skipped where there is none. */
class CudaTest {
  private static final double TOLERANCE = 1e-3;

  static List<Recipe> recipes() {
    return Recipe.published();
  }

  @BeforeEach
  void needCuda() {
    Assumptions.assumeTrue(
        Device.cudaCount() > 0, "no CUDA device, or LibTorch is built without CUDA (-Pgpu)");
  }

  private static HookedModel resnetOn(Device device) {
    return TorchScriptModel.load(Goldens.file("tinyresnet_script.pt"), device);
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void theMapIsThatOfTheProcessor(Recipe recipe) {
    try (HookedModel onCpu = resnetOn(Device.cpu());
        HookedModel onCuda = resnetOn(Device.cuda(0));
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cpu = ScoreCam.on(onCpu).layer("layer3").recipe(recipe).build();
        ScoreCam cuda = ScoreCam.on(onCuda).layer("layer3").recipe(recipe).build();
        Saliency expected = cpu.explain(input, Target.ofClass(3));
        Saliency actual = cuda.explain(input, Target.ofClass(3))) {
      assertTrue(actual.tensor().is_cuda(), "the map is not on the device");
      assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
      assertEquals(expected.status(), actual.status());
    }
  }

  @Test
  void hooksSeeTensorsOnTheDevice() {
    List<float[]> seen = new ArrayList<>();
    try (HookedModel onCpu = resnetOn(Device.cpu());
        HookedModel onCuda = resnetOn(Device.cuda(0));
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      assertEquals(Device.cuda(0), onCuda.device());
      onCpu.registerForwardHook("layer3.1.conv2", (layer, o) -> seen.add(Tensors.toArray(o)));
      onCpu.forward(input).close();
      onCuda.registerForwardHook(
          "layer3.1.conv2",
          (layer, output) -> {
            assertTrue(output.is_cuda());
            seen.add(Tensors.toArray(output));
          });
      onCuda.forward(input).close();
      assertClose(seen.get(0), seen.get(1), TOLERANCE);
    }
  }

  @Test
  void explanationsOnTheDeviceLeaveNothingBehind() {
    try (HookedModel model = resnetOn(Device.cuda(0));
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").build()) {
      NativeObjects.assertNoneLeftBy(() -> cam.explain(input, Target.top1()).close());
    }
  }

  @Test
  void aDeviceBeyondTheLastOneIsRefused() {
    Device beyond = Device.cuda(Device.cudaCount());
    String message = assertThrows(DeviceException.class, () -> resnetOn(beyond)).getMessage();
    assertTrue(message.contains("cuda:0"), message);
  }
}
