package org.scorecam.cli;

import static java.util.stream.Collectors.joining;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.model.HookedModel;
import org.scorecam.model.Layer;
import org.scorecam.runtime.InputException;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.NpyFile;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "layers",
    description =
        "Shows the tree of a network's layers: name, type, and output shape for an input.",
    mixinStandardHelpOptions = true)
final class LayersCommand implements Runnable {
  /** How many channels a picture may have, likeliest first. */
  private static final List<Integer> PICTURE_CHANNELS = List.of(3, 1, 4);

  @Spec private CommandSpec spec;

  @Mixin private ModelOptions model;

  @ArgGroup private Input input;

  /** What the network is run on for the shapes. */
  private static final class Input {
    @Option(names = "--tensor", paramLabel = "FILE.npy", description = "An input N×C×H×W.")
    private Path tensor;

    @Option(
        names = "--size",
        paramLabel = "WxH",
        converter = Size.Converter.class,
        description = "Zeros of this size, with as many channels as the network takes.")
    private Size size;
  }

  @Override
  public void run() {
    if (model.channelWeights() != null) {
      throw new ParameterException(spec.commandLine(), "--weights needs --arch");
    }
    try (HookedModel network = model.load()) {
      if (input != null) {
        showInput(network);
      }
      PrintWriter out = spec.commandLine().getOut();
      for (Layer layer : network.layers()) {
        String indented = "  ".repeat(layer.depth()) + layer.name();
        String shape =
            layer
                .outputShape()
                .map(sizes -> sizes.stream().map(String::valueOf).collect(joining("×")))
                .orElse("");
        out.printf("%-32s %-24s %-18s %s%n", indented, layer.type(), shape, layer.path());
      }
    }
  }

  private void showInput(HookedModel network) {
    if (input.tensor != null) {
      try (Tensor tensor = NpyFile.read(input.tensor)) {
        network.forward(tensor).close();
      }
      return;
    }
    InputException firstRefusal = null;
    for (int channels : PICTURE_CHANNELS) {
      try (NativeScope scope = NativeScope.open()) {
        long[] shape = {1, channels, input.size.height(), input.size.width()};
        network.forward(torch.zeros(shape)).close();
        return;
      } catch (InputException e) {
        firstRefusal = firstRefusal == null ? e : firstRefusal;
      }
    }
    throw firstRefusal;
  }
}
