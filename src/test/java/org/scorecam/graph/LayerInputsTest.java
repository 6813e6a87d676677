package org.scorecam.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.ScriptedModels;
import org.scorecam.runtime.NativeScope;

/** The sizes that weights are packed for. */
class LayerInputsTest {
  @TempDir Path folder;

  /** What the convolutions of a program are given, in its order, when it runs a chunk of x. */
  private List<List<Long>> sizes(Tensor chunk, String... lines) {
    Path file =
        ScriptedModels.script(
                "Sized",
                "def forward(self, x: Tensor) -> Tensor:\n    "
                    + String.join("\n    ", lines)
                    + "\n")
            .weight("w", 4, 4, 3, 3)
            .weight("l", 6, 4)
            .save(folder);
    try (NativeScope scope = NativeScope.open()) {
      JitModule module = torch.load(file.toString());
      module.eval();
      JitModule frozen = torch.freeze(module);
      String before = frozen.get_method("forward").graph().toString();
      Map<Long, List<Long>> found = LayerInputs.of(frozen, FixedInputs.none(frozen), chunk.clone());
      assertEquals(before, frozen.get_method("forward").graph().toString());
      return GraphNodes.deepOf(frozen.get_method("forward").graph().block()).stream()
          .filter(LayerFusion::isLayer)
          .map(node -> found.getOrDefault(node.output().unique(), List.of()))
          .toList();
    }
  }

  private static String conv(String input, int stride) {
    return "torch.conv2d(%s, self.w, None, [%d, %d], [1, 1], [1, 1], 1)"
        .formatted(input, stride, stride);
  }

  @Test
  void areThoseOfEachConvolution() {
    torch.manual_seed(1);
    try (Tensor chunk = torch.randn(6, 4, 12, 10)) {
      assertEquals(
          List.of(List.of(6L, 4L, 12L, 10L), List.of(6L, 4L, 6L, 5L)),
          sizes(chunk, "y = torch.relu_(" + conv("x", 2) + ")", "return " + conv("y", 1)));
    }
  }

  @Test
  void areThoseOfLinearLayersToo() {
    try (Tensor row = torch.zeros(1, 4, 8, 8)) {
      assertEquals(
          List.of(List.of(4L, 4L, 8L, 8L), List.of(4L, 64L, 4L)),
          sizes(
              row,
              "y = torch.transpose(torch.flatten(" + conv("x", 1) + ", 2), 1, 2)",
              "return torch.linear(y, self.l, None)"));
      assertEquals(
          List.of(List.of(16L), List.of()),
          sizes(
              row,
              "y = torch.linear(torch.mean(x, [0, 2, 3]), self.l, None)",
              "return torch.linear(torch.sum(y), self.l[:, :1], None)"));
    }
  }

  @Test
  void growWithTheRowsOfFewRows() {
    try (Tensor row = torch.zeros(1, 4, 8, 8)) {
      assertEquals(List.of(List.of(4L, 4L, 8L, 8L)), sizes(row, "return " + conv("x", 1)));
    }
    try (Tensor rows = torch.zeros(2, 4, 8, 8)) {
      // Two pictures a row, as where a network cuts its input.
      assertEquals(
          List.of(List.of(8L, 4L, 8L, 4L)),
          sizes(rows, "y = torch.cat(torch.chunk(x, 2, 3))", "return " + conv("y", 1)));
    }
  }

  @Test
  void areUnknownInConditions() {
    try (Tensor chunk = torch.ones(4, 4, 8, 8)) {
      assertEquals(
          List.of(List.of(4L, 4L, 8L, 8L), List.of()),
          sizes(
              chunk,
              "y = " + conv("x", 1),
              "if bool(torch.any(y > 0)):",
              "  y = " + conv("y", 1),
              "return y"));
    }
  }
}
