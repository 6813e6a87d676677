package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.batchNorm;
import static org.scorecam.zoo.Layers.convBeforeNorm;
import static org.scorecam.zoo.Layers.divisible;
import static org.scorecam.zoo.Layers.relu;

import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.DropoutImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * MnasNet-B1, of Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile" (arXiv
 * 1807.11626).
 */
final class MnasNet extends Network {
  private static final long[] WIDTHS = {32, 16, 24, 40, 80, 96, 192, 320};
  private static final long LAST = 1280;

  private final Submodule layers;
  private final Submodule classifier;

  /**
   * Builds.
   *
   * @param alpha by which all but the last width are scaled
   */
  MnasNet(double alpha, ZooOptions options) {
    long[] widths = Arrays.stream(WIDTHS).map(width -> divisible(width * alpha, 8)).toArray();
    layers =
        child(
            "layers",
            new SequentialNetwork(
                convBeforeNorm(options.inputChannels(), widths[0], 3, 2, 1),
                batchNorm(widths[0]),
                relu(),
                convBeforeNorm(widths[0], widths[0], 3, 1, 1, widths[0]),
                batchNorm(widths[0]),
                relu(),
                convBeforeNorm(widths[0], widths[1], 1, 1, 0),
                batchNorm(widths[1]),
                stack(widths[1], widths[2], 3, 2, 3, 3),
                stack(widths[2], widths[3], 5, 2, 3, 3),
                stack(widths[3], widths[4], 5, 2, 6, 3),
                stack(widths[4], widths[5], 3, 1, 6, 2),
                stack(widths[5], widths[6], 5, 2, 6, 4),
                stack(widths[6], widths[7], 3, 1, 6, 1),
                convBeforeNorm(widths[7], LAST, 1, 1, 0),
                batchNorm(LAST),
                relu()));
    classifier =
        child(
            "classifier",
            new SequentialNetwork(new DropoutImpl(), new LinearImpl(LAST, options.classes())));
  }

  private static Network stack(
      long in, long out, long kernel, long stride, long expansion, int depth) {
    Network[] blocks = new Network[depth];
    blocks[0] = new Block(in, out, kernel, stride, expansion);
    for (int i = 1; i < depth; i++) {
      blocks[i] = new Block(out, out, kernel, 1, expansion);
    }
    return new SequentialNetwork(blocks);
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W]
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    return classifier.forward(layers.forward(x).mean(2, 3));
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("layers");
  }

  /** An inverted residual whose sum is not taken in place. */
  private static final class Block extends Network {
    private final Submodule layers;
    private final boolean shortcut;

    Block(long in, long out, long kernel, long stride, long expansion) {
      long hidden = in * expansion;
      layers =
          child(
              "layers",
              new SequentialNetwork(
                  convBeforeNorm(in, hidden, 1, 1, 0),
                  batchNorm(hidden),
                  relu(),
                  convBeforeNorm(hidden, hidden, kernel, stride, kernel / 2, hidden),
                  batchNorm(hidden),
                  relu(),
                  convBeforeNorm(hidden, out, 1, 1, 0),
                  batchNorm(out)));
      shortcut = stride == 1 && in == out;
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor y = layers.forward(x);
      return shortcut ? y.add(x) : y;
    }
  }
}
