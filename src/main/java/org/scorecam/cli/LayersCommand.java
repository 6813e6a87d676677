package org.scorecam.cli;

import static java.util.stream.Collectors.joining;

import java.io.PrintWriter;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.model.HookedModel;
import org.scorecam.model.Layer;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
    name = "layers",
    description =
        "Lists a network's layers as a tree: name, type, output shape (given an input), and path.",
    mixinStandardHelpOptions = true)
final class LayersCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Mixin private ModelOptions model;

  @ArgGroup private SampleInput input;

  @Override
  public void run() {
    try (HookedModel network = model.load()) {
      if (input != null) {
        try (Tensor sample = input.tensorFor(network)) {
          network.forward(sample).close();
        }
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
}
