package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.ScriptedModels;
import org.scorecam.runtime.Device;

/** Which scorer is taken for inputs of which shape. */
class PrecisionScorersTest {
  private static final double TOLERANCE = 1e-4;

  @TempDir Path folder;

  private static final class Fake extends NetworkScorer {
    private int freed;

    Fake() {
      super(Kind.plain(Precision.FLOAT32, Device.cpu()));
    }

    @Override
    ModelOutput run(Tensor chunk) {
      throw new UnsupportedOperationException();
    }

    @Override
    void free() {
      freed++;
    }
  }

  @Test
  void eachShapeIsCheckedOnceAndPlainWhereTheFastestDiffers() {
    Fake fastest = new Fake();
    fastest.takeOneRow("a reason");
    List<Fake> plain = new ArrayList<>();
    PrecisionScorers scorers =
        new PrecisionScorers(
            fastest,
            InputShape.of(3, 8, 8),
            () -> {
              plain.add(new Fake());
              return plain.get(0);
            });
    List<InputShape> checked = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      for (long side : List.of(8, 9, 10, 11)) {
        InputShape shape = InputShape.of(3, side, side);
        NetworkScorer scorer =
            scorers.forShape(
                shape,
                one -> {
                  assertSame(fastest, one);
                  checked.add(shape);
                  return side % 2 == 0;
                });
        assertSame(side % 2 == 0 ? fastest : plain.get(0), scorer);
        assertEquals("a reason", scorer.oneByOne().orElseThrow());
      }
    }
    assertEquals(
        List.of(InputShape.of(3, 9, 9), InputShape.of(3, 10, 10), InputShape.of(3, 11, 11)),
        checked);
    assertEquals(1, plain.size());
    scorers.close();
    assertEquals(1, fastest.freed);
    assertEquals(1, plain.get(0).freed);
  }

  /** Beyond 16 pixels it goes another way, which a scorer that was prepared at 16 does not see. */
  @Test
  void aNetworkThatIsAnotherOneAtAnotherSizeIsScoredAsItself() {
    try (HookedModel model =
        ScriptedModels.script(
                "BySize",
                """
                def forward(self, x: Tensor) -> Tensor:
                    y = torch.conv2d(x[:, :, :16, :16], self.w, None, [1, 1], [1, 1], [1, 1], 1)
                    if x.size(2) > 16:
                        y = y * 2. + torch.mean(x)
                    return torch.mean(y, [2, 3])
                """)
            .weight("w", 8, 3, 3, 3)
            .load(folder)) {
      torch.manual_seed(5);
      for (long side : List.of(16, 24, 17)) {
        Scorer scorer = model.scorer(Precision.FLOAT32, InputShape.of(3, side, side));
        try (Tensor input = torch.rand(2, 3, side, side);
            ModelOutput expected = model.forward(input);
            ModelOutput actual =
                scorer.score(
                    scorer.memoryFormat() == MemoryFormat.ChannelsLast
                        ? input.contiguous(MemoryFormat.ChannelsLast)
                        : input)) {
          assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
        }
      }
      assertTrue(model.scorer(Precision.FLOAT32, InputShape.of(3, 16, 16)).oneByOne().isEmpty());
    }
  }
}
