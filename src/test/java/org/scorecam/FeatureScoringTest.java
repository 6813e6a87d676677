package org.scorecam;

import static org.scorecam.Goldens.assertClose;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Changed features, written to chunks of any memory format, as different scorers want them. */
class FeatureScoringTest {
  @ParameterizedTest
  @CsvSource({
    "channels-first, 5x3x4, Contiguous",
    "channels-first, 5x3x4, ChannelsLast",
    "channels-last, 3x4x5, Contiguous",
    "channels-last, 3x4x5, ChannelsLast",
    "channels-first, 5x2x3x4, ChannelsLast",
    "channels-last, 2x3x4x5, ChannelsLast",
    "channels-first, 5x7, ChannelsLast",
    "tokens:1:3x4, 13x5, ChannelsLast"
  })
  void aPlaceIsKeptWhateverTheStrides(String written, String size, MemoryFormat format) {
    Layout layout = Layout.parse(written);
    try (NativeScope scope = NativeScope.open()) {
      Tensor output = torch.randn(shape(size)).unsqueeze(0);
      Tensor maps = layout.maps(output).select(0, 0).contiguous();
      int places = (int) maps.select(0, 0).numel();
      try (FeatureScoring scoring = scoring(FeatureCam.PlaceMask.SINGLE, output, layout, maps)) {
        Tensor rows = Tensors.inFormat(torch.zeros_like(output).repeat(repeats(output)), format);
        // From the second place on.
        scoring.write(1, (int) rows.size(0), rows);
        for (int row = 0; row < rows.size(0); row++) {
          Tensor mask =
              torch.one_hot(torch.tensor((long) row + 1), places).view_as(maps.select(0, 0));
          assertClose(maps.mul(mask), layout.maps(rows).select(0, row).contiguous(), 0);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"channels-first, 5x3x4", "channels-last, 3x4x5", "tokens:1:3x4, 13x5"})
  void aPlaceIsKeptWithItsNeighbours(String written, String size) {
    Layout layout = Layout.parse(written);
    int[][] kernel = {{1, 2, 1}, {2, 4, 2}, {1, 2, 1}};
    try (NativeScope scope = NativeScope.open()) {
      Tensor output = torch.randn(shape(size)).unsqueeze(0);
      Tensor maps = layout.maps(output).select(0, 0).contiguous();
      try (FeatureScoring scoring = scoring(FeatureCam.PlaceMask.GAUSSIAN, output, layout, maps)) {
        Tensor rows = torch.zeros(times12(output));
        scoring.write(0, 12, rows);
        for (int place = 0; place < 12; place++) {
          float[] mask = new float[12];
          for (int i = 0; i < 12; i++) {
            int down = Math.abs(i / 4 - place / 4);
            int across = Math.abs(i % 4 - place % 4);
            mask[i] = down > 1 || across > 1 ? 0 : kernel[1 + down][1 + across] / 16f;
          }
          Tensor expected = maps.mul(Tensors.of(mask, 3, 4));
          assertClose(expected, layout.maps(rows).select(0, place).contiguous(), 1e-6);
        }
      }
    }
  }

  private static long[] times12(Tensor output) {
    long[] shape = output.shape();
    shape[0] = 12;
    return shape;
  }

  private static FeatureScoring scoring(
      FeatureCam.PlaceMask mask, Tensor output, Layout layout, Tensor maps) {
    return new FeatureScoring(
        new FeatureScoring.Change(FeatureCam.Method.RECIPRO, mask),
        "layer",
        output,
        layout,
        new MapMaker(Recipe.TISKW, maps, maps),
        List.of());
  }

  private static long[] shape(String size) {
    String[] extents = size.split("x", -1);
    long[] shape = new long[extents.length];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = Long.parseLong(extents[i]);
    }
    return shape;
  }

  /** Three rows. */
  private static long[] repeats(Tensor output) {
    long[] repeats = new long[(int) output.dim()];
    Arrays.fill(repeats, 1);
    repeats[0] = 3;
    return repeats;
  }
}
