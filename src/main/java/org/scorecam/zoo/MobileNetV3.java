package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.averagePoolTo;
import static org.scorecam.zoo.Layers.divisible;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.DropoutImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.ReLUImpl;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Activations.Hardsigmoid;
import org.scorecam.nn.Activations.Hardswish;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/** MobileNetV3, of Howard et al., "Searching for MobileNetV3" (arXiv 1905.02244). */
final class MobileNetV3 extends Network {
  /** Torchvision's, as TensorFlow has it. */
  private static final double EPSILON = 1e-3;

  private static final ConvNorm RELU = new ConvNorm(EPSILON, Layers::relu);
  private static final ConvNorm HARDSWISH = new ConvNorm(EPSILON, Hardswish::new);
  private static final long FIRST = 16;

  /**
   * A row of the paper's tables 1 and 2.
   *
   * @param squeezes whether it has a squeeze-and-excitation
   */
  private record Row(
      long kernel, long hidden, long out, boolean squeezes, ConvNorm conv, long stride) {}

  private static final Row[] LARGE = {
    new Row(3, 16, 16, false, RELU, 1),
    new Row(3, 64, 24, false, RELU, 2),
    new Row(3, 72, 24, false, RELU, 1),
    new Row(5, 72, 40, true, RELU, 2),
    new Row(5, 120, 40, true, RELU, 1),
    new Row(5, 120, 40, true, RELU, 1),
    new Row(3, 240, 80, false, HARDSWISH, 2),
    new Row(3, 200, 80, false, HARDSWISH, 1),
    new Row(3, 184, 80, false, HARDSWISH, 1),
    new Row(3, 184, 80, false, HARDSWISH, 1),
    new Row(3, 480, 112, true, HARDSWISH, 1),
    new Row(3, 672, 112, true, HARDSWISH, 1),
    new Row(5, 672, 160, true, HARDSWISH, 2),
    new Row(5, 960, 160, true, HARDSWISH, 1),
    new Row(5, 960, 160, true, HARDSWISH, 1),
  };

  private static final Row[] SMALL = {
    new Row(3, 16, 16, true, RELU, 2),
    new Row(3, 72, 24, false, RELU, 2),
    new Row(3, 88, 24, false, RELU, 1),
    new Row(5, 96, 40, true, HARDSWISH, 2),
    new Row(5, 240, 40, true, HARDSWISH, 1),
    new Row(5, 240, 40, true, HARDSWISH, 1),
    new Row(5, 120, 48, true, HARDSWISH, 1),
    new Row(5, 144, 48, true, HARDSWISH, 1),
    new Row(5, 288, 96, true, HARDSWISH, 2),
    new Row(5, 576, 96, true, HARDSWISH, 1),
    new Row(5, 576, 96, true, HARDSWISH, 1),
  };

  private final Submodule features;
  private final Submodule avgpool;
  private final Submodule classifier;

  private MobileNetV3(Row[] rows, long penultimate, ZooOptions options) {
    List<Network> blocks = new ArrayList<>();
    blocks.add(HARDSWISH.of(options.inputChannels(), FIRST, 3, 2));
    long channels = FIRST;
    for (Row row : rows) {
      blocks.add(bottleneck(channels, row));
      channels = row.out;
    }
    blocks.add(HARDSWISH.of(channels, 6 * channels, 1, 1));
    features = child("features", new SequentialNetwork(blocks.toArray(Network[]::new)));
    avgpool = child("avgpool", averagePoolTo(1));
    classifier =
        child(
            "classifier",
            new SequentialNetwork(
                new LinearImpl(6 * channels, penultimate),
                new Hardswish(),
                new DropoutImpl(),
                new LinearImpl(penultimate, options.classes())));
  }

  static MobileNetV3 large(ZooOptions options) {
    return new MobileNetV3(LARGE, 1280, options);
  }

  static MobileNetV3 small(ZooOptions options) {
    return new MobileNetV3(SMALL, 1024, options);
  }

  private static Network bottleneck(long in, Row row) {
    List<Module> steps = new ArrayList<>();
    if (row.hidden != in) {
      steps.add(row.conv.of(in, row.hidden, 1, 1));
    }
    steps.add(row.conv.depthwise(row.hidden, row.kernel, row.stride));
    if (row.squeezes) {
      long squeezed = divisible(row.hidden / 4.0, 8);
      steps.add(new SqueezeExcitation(row.hidden, squeezed, new ReLUImpl(), new Hardsigmoid()));
    }
    steps.add(row.conv.linear(row.hidden, row.out, 1));
    return new InvertedResidual("block", steps, row.stride == 1 && in == row.out);
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W]
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    return classifier.forward(sequence(x, features, avgpool).flatten(1, -1));
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("features");
  }
}
