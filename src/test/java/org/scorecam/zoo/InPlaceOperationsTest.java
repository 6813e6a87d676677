package org.scorecam.zoo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.scorecam.model.Capture;
import org.scorecam.model.CaptureMoment;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModuleModel;
import org.scorecam.model.RepeatedCall;
import org.scorecam.model.Watch;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/**
 * The networks work in place where torchvision's do, and nowhere else: recipes see what is left.
 */
class InPlaceOperationsTest {
  private static Capture capture(HookedModel model, CaptureMoment moment, String... layers) {
    return model.capture(
        torch.rand(1, 3, 64, 64), new Watch(List.of(layers), RepeatedCall.LAST, moment));
  }

  /** Whether a layer's output is left as another layer's, as a sum or a ReLU in place leaves it. */
  @ParameterizedTest
  @CsvSource({
    "resnet18, layer1.0.bn2, layer1.0, true",
    "resnet18, layer1.0.bn1, layer1.0.relu, false",
    "mobilenet_v2, features.3.conv.3, features.3.conv, true",
    "mobilenet_v2, features.3.conv, features.3, false",
    "mobilenet_v2, features.1.conv.0.1, features.1.conv.0.2, true",
    "mobilenet_v3_small, features.2.block, features.2, true",
    "mobilenet_v3_small, features.3.block, features.3, true",
    "efficientnet_b0, features.2.1.stochastic_depth, features.2.1, true",
    "shufflenet_v2_x0_5, stage2.1.branch2.6, stage2.1.branch2.7, true"
  })
  void sumsAndActivationsAreInPlaceAsTorchvisions(
      String network, String layer, String later, boolean same) {
    try (NativeScope scope = NativeScope.open();
        HookedModel model =
            ModuleModel.of(Zoo.create(network, new ZooOptions(4, 3)), Device.cpu());
        Capture left = capture(model, CaptureMoment.AFTER_PASS, layer, later)) {
      Tensor seen = left.activations().get(0);
      assertEquals(same, seen.equal(left.activations().get(1)));
    }
  }

  @ParameterizedTest
  @CsvSource({"densenet121, features"})
  void theReluOfTheFeaturesIsInPlace(String network, String layer) {
    try (NativeScope scope = NativeScope.open();
        HookedModel model =
            ModuleModel.of(Zoo.create(network, new ZooOptions(4, 3)), Device.cpu());
        Capture atCall = capture(model, CaptureMoment.AT_CALL, layer);
        Capture left = capture(model, CaptureMoment.AFTER_PASS, layer)) {
      assertTrue(atCall.activations().get(0).min().item_float() < 0);
      assertFalse(left.activations().get(0).min().item_float() < 0);
    }
  }
}
