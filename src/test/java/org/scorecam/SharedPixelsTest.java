package org.scorecam;

import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.kernel.NativeBuild;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.runtime.NativeScope;

/**
 * Masked inputs that are 0 almost everywhere give the same map in chunks, in which our convolutions
 * compute once what they have in common, as one by one.
 */
class SharedPixelsTest {
  private static final InputShape SHAPE = InputShape.of(3, 64, 64);

  @TempDir Path folder;

  private KeptFindings findings;

  @BeforeEach
  void open() {
    NativeBuild.require();
    findings = new KeptFindings(folder.resolve("findings"));
    torch.manual_seed(5);
  }

  @AfterEach
  void close() {
    if (findings != null) {
      findings.close();
    }
  }

  /** Winograd convolutions, with and without a sum, and a layer whose maps have few places. */
  private HookedModel model() {
    HookedModel model =
        ScriptedModels.script(
                "Convolutions",
                """
                def forward(self, x: Tensor) -> Tensor:
                    a = torch.relu(torch.conv2d(x, self.first, None, [2, 2], [1, 1], [1, 1], 1))
                    b = torch.relu(torch.conv2d(a, self.second, self.bias, [1, 1], [1, 1], [1, 1], 1))
                    c = torch.relu(torch.conv2d(b, self.third, self.bias, [1, 1], [1, 1], [1, 1], 1) + a)
                    y = self.layer.forward(c)
                    return torch.mean(y, [2, 3])[:, :10] * 50.
                """)
            .weight("first", 32, 3, 3, 3)
            .weight("second", 32, 32, 3, 3)
            .weight("third", 32, 32, 3, 3)
            .weight("bias", 32)
            .child(
                "layer",
                ScriptedModels.script(
                        "Layer",
                        """
                        def forward(self, x: Tensor) -> Tensor:
                            y = torch.conv2d(x, self.w, None, [4, 4], [0, 0], [1, 1], 1)
                            return torch.relu(y - torch.amax(y, [2, 3], True) * 0.8)
                        """)
                    .weight("w", 48, 32, 4, 4))
            .load(folder);
    findings.tellPacked(model, SHAPE);
    return model;
  }

  @Test
  void chunksGiveTheSameMapAsSingleRows() {
    try (NativeScope scope = NativeScope.open();
        HookedModel model = model()) {
      Tensor input = torch.rand(SHAPE.batchOf(1)).sub(new Scalar(0.5));
      for (Recipe recipe : Recipe.published()) {
        try (ScoreCam single = ScoreCam.on(model).layer("layer").recipe(recipe).batch(1).build();
            ScoreCam chunks = ScoreCam.on(model).layer("layer").recipe(recipe).batch(9).build();
            Saliency expected = single.explain(input, Target.ofClass(2));
            Saliency actual = chunks.explain(input, Target.ofClass(2))) {
          assertClose(expected.tensor(), actual.tensor(), 1e-5);
        }
      }
    }
  }
}
