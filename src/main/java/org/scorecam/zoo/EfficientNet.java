package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.averagePoolTo;
import static org.scorecam.zoo.Layers.divisible;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.DropoutImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.SigmoidImpl;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Activations.SiLU;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * EfficientNets, of Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
 * Networks" (arXiv 1905.11946) and "EfficientNetV2: Smaller Models and Faster Training" (arXiv
 * 2104.00298).
 */
final class EfficientNet extends Network {
  /**
   * Blocks of one size.
   *
   * @param fused whether one convolution widens and filters
   * @param expansion how much wider the blocks are within
   * @param stride of the first block
   */
  private record Stage(
      boolean fused, long expansion, long kernel, long stride, long in, long out, long blocks) {
    static Stage of(long expansion, long kernel, long stride, long in, long out, long blocks) {
      return new Stage(false, expansion, kernel, stride, in, out, blocks);
    }

    static Stage fused(long expansion, long stride, long in, long out, long blocks) {
      return new Stage(true, expansion, 3, stride, in, out, blocks);
    }

    /** By the factors of the first paper's equation 3. */
    Stage scaled(double width, double depth) {
      return Stage.of(
          expansion,
          kernel,
          stride,
          divisible(in * width, 8),
          divisible(out * width, 8),
          (long) Math.ceil(blocks * depth));
    }
  }

  /** The first paper's table 1. */
  private static final List<Stage> B0 =
      List.of(
          Stage.of(1, 3, 1, 32, 16, 1),
          Stage.of(6, 3, 2, 16, 24, 2),
          Stage.of(6, 5, 2, 24, 40, 2),
          Stage.of(6, 3, 2, 40, 80, 3),
          Stage.of(6, 5, 1, 80, 112, 3),
          Stage.of(6, 5, 2, 112, 192, 4),
          Stage.of(6, 3, 1, 192, 320, 1));

  /** The second paper's table 4. */
  private static final List<Stage> V2_S =
      List.of(
          Stage.fused(1, 1, 24, 24, 2),
          Stage.fused(4, 2, 24, 48, 4),
          Stage.fused(4, 2, 48, 64, 4),
          Stage.of(4, 3, 2, 64, 128, 6),
          Stage.of(6, 3, 1, 128, 160, 9),
          Stage.of(6, 3, 2, 160, 256, 15));

  private static final List<Stage> V2_M =
      List.of(
          Stage.fused(1, 1, 24, 24, 3),
          Stage.fused(4, 2, 24, 48, 5),
          Stage.fused(4, 2, 48, 80, 5),
          Stage.of(4, 3, 2, 80, 160, 7),
          Stage.of(6, 3, 1, 160, 176, 14),
          Stage.of(6, 3, 2, 176, 304, 18),
          Stage.of(6, 3, 1, 304, 512, 5));

  private static final List<Stage> V2_L =
      List.of(
          Stage.fused(1, 1, 32, 32, 4),
          Stage.fused(4, 2, 32, 64, 7),
          Stage.fused(4, 2, 64, 96, 7),
          Stage.of(4, 3, 2, 96, 192, 10),
          Stage.of(6, 3, 1, 192, 224, 19),
          Stage.of(6, 3, 2, 224, 384, 25),
          Stage.of(6, 3, 1, 384, 640, 7));

  private static final long V2_LAST = 1280;

  /** Torchvision's, of all but B0 to B4, as TensorFlow has it. */
  private static final double EPSILON = 1e-3;

  private final Submodule features;
  private final Submodule avgpool;
  private final Submodule classifier;

  private EfficientNet(List<Stage> stages, double epsilon, long last, ZooOptions options) {
    ConvNorm conv = new ConvNorm(epsilon, SiLU::new);
    List<Network> steps = new ArrayList<>();
    steps.add(conv.of(options.inputChannels(), stages.get(0).in, 3, 2));
    stages.forEach(stage -> steps.add(blocks(stage, conv)));
    steps.add(conv.of(stages.get(stages.size() - 1).out, last, 1, 1));
    features = child("features", new SequentialNetwork(steps.toArray(Network[]::new)));
    avgpool = child("avgpool", averagePoolTo(1));
    classifier =
        child(
            "classifier",
            new SequentialNetwork(new DropoutImpl(), new LinearImpl(last, options.classes())));
  }

  /** B0 to B4. */
  static EfficientNet small(double width, double depth, ZooOptions options) {
    return scaled(width, depth, ConvNorm.DEFAULT_EPSILON, options);
  }

  /** B5 to B7. */
  static EfficientNet large(double width, double depth, ZooOptions options) {
    return scaled(width, depth, EPSILON, options);
  }

  private static EfficientNet scaled(
      double width, double depth, double epsilon, ZooOptions options) {
    List<Stage> stages = B0.stream().map(stage -> stage.scaled(width, depth)).toList();
    return new EfficientNet(stages, epsilon, 4 * stages.get(stages.size() - 1).out, options);
  }

  static EfficientNet v2Small(ZooOptions options) {
    return new EfficientNet(V2_S, EPSILON, V2_LAST, options);
  }

  static EfficientNet v2Medium(ZooOptions options) {
    return new EfficientNet(V2_M, EPSILON, V2_LAST, options);
  }

  static EfficientNet v2Large(ZooOptions options) {
    return new EfficientNet(V2_L, EPSILON, V2_LAST, options);
  }

  private static Network blocks(Stage stage, ConvNorm conv) {
    Network[] blocks = new Network[(int) stage.blocks];
    for (int i = 0; i < blocks.length; i++) {
      long in = i == 0 ? stage.in : stage.out;
      long stride = i == 0 ? stage.stride : 1;
      List<Module> steps =
          stage.fused ? fused(stage, in, stride, conv) : depthwise(stage, in, stride, conv);
      blocks[i] =
          new InvertedResidual("block", steps, stride == 1 && in == stage.out)
              .withStochasticDepth();
    }
    return new SequentialNetwork(blocks);
  }

  private static List<Module> depthwise(Stage stage, long in, long stride, ConvNorm conv) {
    long hidden = in * stage.expansion;
    List<Module> steps = new ArrayList<>();
    if (hidden != in) {
      steps.add(conv.of(in, hidden, 1, 1));
    }
    steps.add(conv.depthwise(hidden, stage.kernel, stride));
    steps.add(new SqueezeExcitation(hidden, Math.max(1, in / 4), new SiLU(), new SigmoidImpl()));
    steps.add(conv.linear(hidden, stage.out, 1));
    return steps;
  }

  private static List<Module> fused(Stage stage, long in, long stride, ConvNorm conv) {
    long hidden = in * stage.expansion;
    return hidden == in
        ? List.of(conv.of(in, stage.out, stage.kernel, stride))
        : List.of(conv.of(in, hidden, stage.kernel, stride), conv.linear(hidden, stage.out, 1));
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
