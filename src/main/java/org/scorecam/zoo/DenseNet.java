package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.averagePool;
import static org.scorecam.zoo.Layers.batchNorm;
import static org.scorecam.zoo.Layers.channelMeans;
import static org.scorecam.zoo.Layers.concatenate;
import static org.scorecam.zoo.Layers.convBeforeNorm;
import static org.scorecam.zoo.Layers.maxPool;
import static org.scorecam.zoo.Layers.relu;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * DenseNet-BC, of Huang et al., "Densely Connected Convolutional Networks" (arXiv 1608.06993).
 *
 * <p>Its customary layer, {@code features}, is the last batch norm: the ReLU after it is no module.
 */
final class DenseNet extends Network {
  /** Channels of a bottleneck for each that it adds. */
  private static final long BOTTLENECK = 4;

  private final Submodule features;
  private final Submodule classifier;

  /**
   * Builds.
   *
   * @param growth channels that each layer adds: the paper's k
   * @param depths how many layers each dense block has
   */
  DenseNet(ZooOptions options, long growth, long... depths) {
    long channels = 2 * growth;
    Map<String, Module> steps = new LinkedHashMap<>();
    steps.put("conv0", convBeforeNorm(options.inputChannels(), channels, 7, 2, 3));
    steps.put("norm0", batchNorm(channels));
    steps.put("relu0", relu());
    steps.put("pool0", maxPool(3, 2, 1));
    for (int i = 1; i <= depths.length; i++) {
      steps.put("denseblock" + i, new DenseBlock(channels, growth, depths[i - 1]));
      channels += depths[i - 1] * growth;
      if (i < depths.length) {
        steps.put("transition" + i, transition(channels));
        channels /= 2;
      }
    }
    steps.put("norm5", batchNorm(channels));
    features = child("features", new SequentialNetwork(steps));
    classifier = child("classifier", new LinearImpl(channels, options.classes()));
  }

  /** Halves the channels and both sides. */
  private static Network transition(long channels) {
    Map<String, Module> steps = new LinkedHashMap<>();
    steps.put("norm", batchNorm(channels));
    steps.put("relu", relu());
    steps.put("conv", convBeforeNorm(channels, channels / 2, 1, 1, 0));
    steps.put("pool", averagePool(2));
    return new SequentialNetwork(steps);
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W]
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    return classifier.forward(channelMeans(features.forward(x).relu_()));
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("features");
  }

  /** Each layer sees what came in and what all layers before it added. */
  private static final class DenseBlock extends Network {
    DenseBlock(long in, long growth, long depth) {
      for (long i = 0; i < depth; i++) {
        child("denselayer" + (i + 1), new DenseLayer(in + i * growth, growth));
      }
    }

    @Override
    public Tensor forward(Tensor x) {
      List<Tensor> features = new ArrayList<>(List.of(x));
      for (Submodule layer : self().children().values()) {
        // Joined for each layer anew: then nothing else reads what its norm is given.
        try (Tensor joined = concatenate(features)) {
          features.add(layer.forward(joined));
        }
      }
      return concatenate(features);
    }
  }

  /** Puts out what it adds. */
  private static final class DenseLayer extends Network {
    private final Submodule norm1;
    private final Submodule relu1;
    private final Submodule conv1;
    private final Submodule norm2;
    private final Submodule relu2;
    private final Submodule conv2;

    DenseLayer(long in, long growth) {
      norm1 = child("norm1", batchNorm(in));
      relu1 = child("relu1", relu());
      conv1 = child("conv1", convBeforeNorm(in, BOTTLENECK * growth, 1, 1, 0));
      norm2 = child("norm2", batchNorm(BOTTLENECK * growth));
      relu2 = child("relu2", relu());
      conv2 = child("conv2", convBeforeNorm(BOTTLENECK * growth, growth, 3, 1, 1));
    }

    @Override
    public Tensor forward(Tensor x) {
      return sequence(x, norm1, relu1, conv1, norm2, relu2, conv2);
    }
  }
}
