package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.averagePoolTo;
import static org.scorecam.zoo.Layers.conv;
import static org.scorecam.zoo.Layers.layerNorm;
import static org.scorecam.zoo.Layers.perceptron;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.FlattenImpl;
import org.bytedeco.pytorch.IdentityImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.LinearOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.nn.Layout;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * Swin, of Liu et al., "Swin Transformer" (arXiv 2103.14030), and V2, of Liu et al., "Swin
 * Transformer V2" (arXiv 2111.09883): attention within windows, which every second block shifts.
 *
 * <p>Maps have their channels last. The customary layer is the norm that the last block begins
 * with; in V2, whose blocks normalise only what they add, it is the network's last norm.
 */
final class SwinTransformer extends Network {
  private static final double EPSILON = 1e-5;
  private static final long CHANNELS_OF_HEAD = 32;

  /** Which of the two. */
  enum Version {
    V1(7, "features.7.1.norm1"),
    V2(8, "norm");

    private final long window;
    private final String defaultLayer;

    Version(long window, String defaultLayer) {
      this.window = window;
      this.defaultLayer = defaultLayer;
    }
  }

  private final Version version;
  private final Submodule features;
  private final Submodule norm;
  private final Submodule permute;
  private final Submodule avgpool;
  private final Submodule flatten;
  private final Submodule head;

  /**
   * Builds.
   *
   * @param width channels of the first stage, which each later stage doubles
   * @param depths how many blocks each stage has
   */
  SwinTransformer(Version version, long width, ZooOptions options, long... depths) {
    this.version = version;
    List<Network> steps = new ArrayList<>();
    steps.add(
        new SequentialNetwork(
            conv(options.inputChannels(), width, 4, 4, 0),
            new Permute(0, 2, 3, 1),
            layerNorm(width, EPSILON)));
    long channels = width;
    for (int stage = 0; stage < depths.length; stage++) {
      if (stage > 0) {
        steps.add(new PatchMerging(version, channels));
        channels *= 2;
      }
      Network[] blocks = new Network[(int) depths[stage]];
      for (int i = 0; i < blocks.length; i++) {
        blocks[i] = new Block(version, channels, i % 2 == 1);
      }
      steps.add(new SequentialNetwork(blocks));
    }
    features = child("features", new SequentialNetwork(steps.toArray(Network[]::new)));
    norm = child("norm", layerNorm(channels, EPSILON));
    permute = child("permute", new Permute(0, 3, 1, 2));
    avgpool = child("avgpool", averagePoolTo(1));
    flatten = child("flatten", new FlattenImpl());
    head = child("head", new LinearImpl(channels, options.classes()));
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W]
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    return sequence(x, features, norm, permute, avgpool, flatten, head);
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of(version.defaultLayer);
  }

  @Override
  public Optional<Layout> layoutOf(String layer) {
    boolean last =
        layer.equals("norm") || (layer.startsWith("features") && !layer.equals("features.0.0"));
    return last ? Optional.of(Layout.CHANNELS_LAST) : Optional.empty();
  }

  /**
   * y = x + attention(norm(x)), then y + perceptron(norm(y)); in V2 the norms come after the
   * attention and the perceptron.
   */
  private static final class Block extends Network {
    private final Submodule[] attending;
    private final Submodule[] mixing;

    Block(Version version, long channels, boolean shifted) {
      Submodule norm1 = child("norm1", layerNorm(channels, EPSILON));
      long heads = channels / CHANNELS_OF_HEAD;
      Submodule attention =
          child(
              "attn",
              new WindowAttention(version == Version.V2, channels, heads, version.window, shifted));
      // Nothing is dropped in evaluation.
      Submodule stochasticDepth = child("stochastic_depth", new IdentityImpl());
      Submodule norm2 = child("norm2", layerNorm(channels, EPSILON));
      Submodule mlp = child("mlp", perceptron(channels, 4 * channels));
      boolean normFirst = version == Version.V1;
      attending = inOrder(normFirst, norm1, attention, stochasticDepth);
      mixing = inOrder(normFirst, norm2, mlp, stochasticDepth);
    }

    private static Submodule[] inOrder(
        boolean normFirst, Submodule norm, Submodule work, Submodule last) {
      return normFirst ? new Submodule[] {norm, work, last} : new Submodule[] {work, norm, last};
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor y = sequence(x, attending).add(x);
      return sequence(y, mixing).add(y);
    }
  }

  /** Halves both sides: the channels of 2×2 places become those of one, half as many. */
  private static final class PatchMerging extends Network {
    private final Submodule[] steps;

    PatchMerging(Version version, long channels) {
      LinearOptions withoutBias = new LinearOptions(4 * channels, 2 * channels);
      withoutBias.bias().put(false);
      Submodule reduction = child("reduction", new LinearImpl(withoutBias));
      boolean normFirst = version == Version.V1;
      Submodule norm = child("norm", layerNorm(normFirst ? 4 * channels : 2 * channels, EPSILON));
      steps = normFirst ? new Submodule[] {norm, reduction} : new Submodule[] {reduction, norm};
    }

    /**
     * Merges.
     *
     * @param x [N, H, W, C]; a side that is odd gets a row or column of zeros
     * @return [N, H/2, W/2, 2·C]
     */
    @Override
    public Tensor forward(Tensor x) {
      Tensor even = torch.constant_pad_nd(x, 0, 0, 0, x.size(2) % 2, 0, x.size(1) % 2);
      Tensor merged =
          even.unflatten(1, even.size(1) / 2, 2)
              .unflatten(3, even.size(2) / 2, 2)
              .permute(0, 1, 3, 4, 2, 5)
              .flatten(3, -1);
      return sequence(merged, steps);
    }
  }
}
