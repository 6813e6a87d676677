package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.averagePoolTo;
import static org.scorecam.zoo.Layers.relu;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.ReLUImpl;
import org.bytedeco.pytorch.SigmoidImpl;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * RegNets, of Radosavovic et al., "Designing Network Design Spaces" (arXiv 2003.13678): X, and Y
 * with squeeze-and-excitation.
 */
final class RegNet extends Network {
  private static final ConvNorm CONV_NORM_RELU =
      new ConvNorm(ConvNorm.DEFAULT_EPSILON, Layers::relu);
  private static final long FIRST = 32;

  /** Channels that the squeeze leaves, as a part of the block's input. */
  private static final double SQUEEZE = 0.25;

  private final Submodule stem;
  private final Submodule trunkOutput;
  private final Submodule avgpool;
  private final Submodule fc;

  /**
   * Builds.
   *
   * @param squeezes true for RegNetY
   * @param groupWidth channels of a group of the 3×3 convolutions
   * @param depths how many blocks each stage has
   * @param widths how many channels each stage has
   */
  RegNet(boolean squeezes, long groupWidth, long[] depths, long[] widths, ZooOptions options) {
    stem = child("stem", CONV_NORM_RELU.of(options.inputChannels(), FIRST, 3, 2));
    Map<String, Network> stages = new LinkedHashMap<>();
    long channels = FIRST;
    for (int stage = 1; stage <= depths.length; stage++) {
      Map<String, Network> blocks = new LinkedHashMap<>();
      long width = widths[stage - 1];
      for (long i = 0; i < depths[stage - 1]; i++) {
        blocks.put(
            "block%d-%d".formatted(stage, i),
            new Block(channels, width, i == 0 ? 2 : 1, groupWidth, squeezes));
        channels = width;
      }
      stages.put("block" + stage, new SequentialNetwork(blocks));
    }
    trunkOutput = child("trunk_output", new SequentialNetwork(stages));
    avgpool = child("avgpool", averagePoolTo(1));
    fc = child("fc", new LinearImpl(channels, options.classes()));
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W]
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    return fc.forward(sequence(x, stem, trunkOutput, avgpool).flatten(1, -1));
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("trunk_output");
  }

  /** y = relu(x + F(x)), where x is projected if F changes its size. */
  private static final class Block extends Network {
    private final Submodule proj;
    private final Submodule f;
    private final Submodule activation;

    Block(long in, long out, long stride, long groupWidth, boolean squeezes) {
      boolean resized = in != out || stride != 1;
      proj = resized ? child("proj", CONV_NORM_RELU.linear(in, out, stride)) : null;
      Map<String, Module> steps = new LinkedHashMap<>();
      steps.put("a", CONV_NORM_RELU.of(in, out, 1, 1));
      steps.put("b", CONV_NORM_RELU.of(out, out, 3, stride, out / Math.min(groupWidth, out)));
      if (squeezes) {
        // Half way to the even neighbour, as Python rounds.
        long squeezed = (long) Math.rint(SQUEEZE * in);
        steps.put("se", new SqueezeExcitation(out, squeezed, new ReLUImpl(), new SigmoidImpl()));
      }
      steps.put("c", CONV_NORM_RELU.linear(out, out, 1));
      f = child("f", new SequentialNetwork(steps));
      activation = child("activation", relu());
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor kept = proj == null ? x : proj.forward(x);
      return activation.forward(kept.add(f.forward(x)));
    }
  }
}
