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

  /** Ways whose plain scorer agrees, or does not, and whose fastest agrees for even sides. */
  private static final class FakeWays implements PrecisionScorers.Ways {
    final Fake fastest = new Fake();
    final List<Fake> plain = new ArrayList<>();
    final List<InputShape> checked = new ArrayList<>();
    boolean plainAgrees = true;
    int trials;

    @Override
    public NetworkScorer plain() {
      plain.add(new Fake());
      return plain.get(plain.size() - 1);
    }

    @Override
    public NetworkScorer fastest(InputShape shape, NetworkScorer atHand) {
      assertSame(plain.isEmpty() ? null : plain.get(0), atHand);
      trials++;
      return fastest;
    }

    @Override
    public boolean agrees(NetworkScorer scorer, InputShape shape, long rows) {
      if (scorer != fastest) {
        assertEquals(2, rows);
        return plainAgrees;
      }
      checked.add(shape);
      return shape.sizes().get(1) % 2 == 0;
    }
  }

  @Test
  void eachShapeIsCheckedOnceAndPlainWhereTheFastestDiffers() {
    FakeWays ways = new FakeWays();
    ways.fastest.takeOneRow("a reason");
    PrecisionScorers scorers = new PrecisionScorers(ways);
    for (int i = 0; i < 2; i++) {
      for (long side : List.of(8, 9, 10, 11)) {
        NetworkScorer scorer = scorers.forShape(InputShape.of(3, side, side), Long.MAX_VALUE);
        assertSame(side % 2 == 0 ? ways.fastest : ways.plain.get(0), scorer);
        assertEquals("a reason", scorer.oneByOne().orElseThrow());
      }
    }
    assertEquals(
        List.of(InputShape.of(3, 9, 9), InputShape.of(3, 10, 10), InputShape.of(3, 11, 11)),
        ways.checked);
    assertEquals(1, ways.plain.size());
    scorers.close();
    assertEquals(1, ways.fastest.freed);
    assertEquals(1, ways.plain.get(0).freed);
  }

  @Test
  void fewInputsAreScoredPlainlyUntilThereHaveBeenMany() {
    FakeWays ways = new FakeWays();
    PrecisionScorers scorers = new PrecisionScorers(ways);
    InputShape shape = InputShape.of(3, 8, 8);
    for (int i = 0; i < 3; i++) {
      assertSame(scorers.forShape(shape, 20), ways.plain.get(0));
    }
    assertEquals(0, ways.trials);
    assertSame(ways.fastest, scorers.forShape(shape, 20));
    assertSame(ways.fastest, scorers.forShape(shape, 1));
    assertEquals(1, ways.trials);
    assertEquals(0, ways.plain.get(0).freed);
    scorers.close();
    assertEquals(1, ways.plain.get(0).freed);
  }

  @Test
  void aPlainNetworkWhoseRowsInfluenceEachOtherIsTriedAtOnce() {
    FakeWays ways = new FakeWays();
    ways.plainAgrees = false;
    try (PrecisionScorers scorers = new PrecisionScorers(ways)) {
      assertSame(ways.fastest, scorers.forShape(InputShape.of(3, 8, 8), 1));
    }
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
