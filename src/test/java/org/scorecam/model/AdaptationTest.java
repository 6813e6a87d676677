package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.ScriptedModels;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.Target;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/** Networks of other types than float32, and with devices written into them. */
class AdaptationTest {
  @TempDir Path folder;

  /** [N, 3, H, W] to [N, 6], with a layer {@code maps} of 6 channels. */
  private static Script net(String type, String before, String after) {
    return ScriptedModels.script(
            type,
            """
            def forward(self, x: Tensor) -> Tensor:
                %s
                y = torch.relu(self.maps.forward(x))
                %s
                return y.mean([2, 3])
            """
                .formatted(before, after))
        .child(
            "maps",
            ScriptedModels.script(
                    "Maps",
                    """
                    def forward(self, x: Tensor) -> Tensor:
                        return torch.conv2d(x, self.w, None, [2, 2], [0, 0], [1, 1], 1)
                    """)
                .weight("w", 6, 3, 3, 3));
  }

  private static Script plain() {
    return net("Plain", "pass", "pass");
  }

  /** The network's output and a map of it, one after the other. */
  private static Tensor resultsOf(HookedModel model) {
    Tensor input = ProbeInput.of(Device.cpu(), 2, 3, 16, 16);
    try (ScoreCam cam = ScoreCam.on(model).layer("maps").build();
        ModelOutput output = model.forward(input);
        Saliency map = cam.explain(input.narrow(0, 0, 1), Target.ofClass(2))) {
      assertEquals(ScalarType.Float, output.tensor().scalar_type().intern());
      return torch.cat(new TensorVector(output.tensor().flatten(), map.tensor().flatten()));
    }
  }

  private Tensor expected() {
    try (HookedModel model = plain().load(folder)) {
      return resultsOf(model);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Half", "BFloat16", "Double"})
  void networksOfOtherTypesAreFloat32Ones(ScalarType dtype) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor expected = expected();
      try (HookedModel model = TorchScriptModel.load(plain().save(folder, dtype), Device.cpu())) {
        Goldens.assertClose(expected, resultsOf(model), dtype == ScalarType.Double ? 1e-5 : 0.02);
      }
    }
  }

  @Test
  void theTypesThatAHalfNetworkCastsToFollow() {
    // 5 is float16, as torch.half is written in a program.
    Script casting = net("Casting", "x = x.to(5)", "y = y + torch.zeros([1], dtype=5).to(5)");
    try (NativeScope scope = NativeScope.open()) {
      Tensor expected = expected();
      Path file = casting.save(folder, ScalarType.Half);
      try (HookedModel model = TorchScriptModel.load(file, Device.cpu())) {
        Goldens.assertClose(expected, resultsOf(model), 0.02);
        try (Capture capture =
            model.capture(
                ProbeInput.of(Device.cpu(), 1, 3, 8, 8), List.of("maps"), RepeatedCall.LAST)) {
          ScalarType seen = capture.activations().get(0).scalar_type().intern();
          assertEquals(ScalarType.Float, seen);
        }
      }
    }
  }

  @Test
  void integersOfAHalfNetworkStayIntegers() {
    Script counting = net("Counting", "pass", "y = y[:, self.order]");
    try (NativeScope scope = NativeScope.open()) {
      IValue order = new IValue(torch.arange(new Scalar(6)).to(ScalarType.Long));
      Path file = counting.attribute("order", "Tensor", () -> order).save(folder);
      Tensor expected = expected();
      try (HookedModel model = TorchScriptModel.load(file, Device.cpu())) {
        Goldens.assertClose(expected, resultsOf(model), 1e-5);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "y = y + torch.zeros([1], device=torch.device('cuda:0'))",
        "y = y.to('cuda:1')",
        "y = y.cuda()",
        "y = y.to(torch.device('cuda'), 6)"
      })
  void devicesInTheProgramBecomeTheNetworks(String statement) {
    Script moving = net("Moving", "pass", statement);
    try (NativeScope scope = NativeScope.open()) {
      Tensor expected = expected();
      try (HookedModel model = moving.load(folder)) {
        Goldens.assertClose(expected, resultsOf(model), 1e-5);
      }
    }
  }

  @Test
  void aQuantisedOutputOfALayerIsDequantised() {
    Script net =
        ScriptedModels.script(
                "Quantised",
                """
                def forward(self, x: Tensor) -> Tensor:
                    return torch.dequantize(self.layer.forward(x)).mean([2, 3])
                """)
            .child(
                "layer",
                ScriptedModels.script(
                    "Layer",
                    """
                    def forward(self, x: Tensor) -> Tensor:
                        return torch.quantize_per_tensor(x, 0.5, 0, 12)
                    """));
    try (NativeScope scope = NativeScope.open();
        HookedModel model = net.load(folder);
        ScoreCam cam = ScoreCam.on(model).layer("layer").build()) {
      Tensor input = ProbeInput.of(Device.cpu(), 1, 3, 8, 8);
      for (CaptureMoment moment : CaptureMoment.values()) {
        Watch watch = new Watch(List.of("layer"), RepeatedCall.LAST, moment);
        try (Capture capture = model.capture(input, watch)) {
          Tensor seen = capture.activations().get(0);
          assertEquals(ScalarType.Float, seen.scalar_type().intern());
          // Whole multiples of the scale, near the values.
          assertTrue(seen.sub(input).abs().max().item_float() <= 0.2501f);
          Tensor halves = seen.mul(new Scalar(2));
          assertTrue(halves.equal(halves.round()));
        }
      }
      cam.explain(input, Target.ofClass(1)).close();
    }
  }

  @Test
  void inputsOfOtherTypesAreMadeFloat32() {
    try (NativeScope scope = NativeScope.open();
        HookedModel model = plain().load(folder)) {
      Tensor input = ProbeInput.of(Device.cpu(), 2, 3, 16, 16);
      try (ModelOutput expected = model.forward(input);
          ModelOutput actual = model.forward(input.to(ScalarType.Double))) {
        Goldens.assertClose(expected.tensor(), actual.tensor(), 1e-6);
      }
    }
  }
}
