package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.ScriptedModels;
import org.scorecam.file.AtomicFile;
import org.scorecam.tensor.NpyFile;

/** {@code --layout}, with layers whose shape could have several. */
class LayoutOptionTest {
  @TempDir Path folder;

  private Path model;

  /** Layers maps, last and tokens: the same 6 maps of 16×16, first, last and after 3 tokens. */
  @BeforeEach
  void save() {
    model =
        ScriptedModels.script(
                "Net",
                """
                def forward(self, x: Tensor) -> Tensor:
                    y = self.tokens.forward(self.last.forward(self.maps.forward(x)))
                    return torch.matmul(torch.mean(y[:, 3:], 1), self.fc)
                """)
            .child(
                "maps",
                ScriptedModels.script(
                        "Maps",
                        """
                        def forward(self, x: Tensor) -> Tensor:
                            return torch.relu(torch.conv2d(x, self.w, None, [2, 2], [0, 0], [1, 1], 1))
                        """)
                    .weight("w", 6, 3, 2, 2))
            .child("last", ScriptedModels.channelsLast())
            .child(
                "tokens",
                ScriptedModels.script(
                    "Tokens",
                    """
                    def forward(self, x: Tensor) -> Tensor:
                        places = torch.flatten(x, 1, 2)
                        return torch.cat([places[:, :3] * 0., places], 1)
                    """))
            .weight("fc", 6, 4)
            .save(folder);
    float[] values = new float[3 * 32 * 32];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.sin(i * 0.37 + i / 1000.0);
    }
    AtomicFile.write(input(), out -> NpyFile.write(out, values, 1, 3, 32, 32));
  }

  private Path input() {
    return folder.resolve("input.npy");
  }

  private CommandLineRun explain(Path map, String options) {
    List<Object> words = new ArrayList<>(List.of("explain", "--class", 1, "--map", map));
    words.addAll(List.of("--model", model, "--tensor", input()));
    words.addAll(List.of(options.split(" ")));
    return CommandLineRun.of(words.toArray());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--layer last --layout channels-last",
        "--layer tokens --layout tokens:3",
        "--layer tokens --layout tokens:3:16x16",
        "--layer last --layout channels-last --channels gradient:6",
        "--layer last --layout channels-last --method ablation-cam --recipe tiskw",
      })
  void theMapIsThatOfTheSameChannelsFirst(String options) {
    Path first = folder.resolve("first.npy");
    Path other = folder.resolve("other.npy");
    boolean ablation = options.contains("ablation");
    explain(first, "--layer maps" + (ablation ? " --method ablation-cam --recipe tiskw" : ""))
        .assertDone();
    CommandLineRun run = explain(other, options).assertDone();
    assertTrue(run.out().contains(" of 6 channels"), run.out());
    try (Tensor expected = NpyFile.read(first);
        Tensor actual = NpyFile.read(other)) {
      assertClose(expected, actual, 1e-4);
    }
  }

  @Test
  void whatCanBeSeveralIsAskedFor() {
    Path map = folder.resolve("map.npy");
    explain(map, "--layer last")
        .assertFails(
            3,
            "layer 'last' puts out a tensor of shape [1, 16, 16, 6], which can be 6 maps of 16×16"
                + " (channels-last) or 16 maps of 16×6 (channels-first): say which",
            "--layout on the command line");
    explain(map, "--layer tokens")
        .assertFails(3, "259 tokens", "they can be tokens:3:16x16", "--layout");
    explain(map, "--layer tokens --layout tokens:1")
        .assertFails(3, "259 tokens (a tensor of shape", "with 1 leading, do not form a grid");
    explain(map, "--layer maps --layout tokens:1").assertFails(3, "[1, 6, 16, 16]", "of tokens:1");
    assertTrue(Files.notExists(map));
  }

  @Test
  void whatIsNoLayoutIsMisused() {
    explain(folder.resolve("map.npy"), "--layer last --layout nhwc")
        .assertMisused("'nhwc' is not a layout; write channels-first, channels-last, or tokens");
  }
}
