package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.averagePoolTo;
import static org.scorecam.zoo.Layers.batchNorm;
import static org.scorecam.zoo.Layers.conv;
import static org.scorecam.zoo.Layers.maxPool;
import static org.scorecam.zoo.Layers.relu;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.DropoutImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * VGG, of Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
 * Recognition" (arXiv 1409.1556).
 */
final class Vgg extends Network {
  private static final long[] WIDTHS = {64, 128, 256, 512, 512};

  private final Submodule features;
  private final Submodule avgpool;
  private final Submodule classifier;

  /**
   * Builds.
   *
   * @param depths how many convolutions come before each of the five poolings
   */
  Vgg(boolean batchNorm, ZooOptions options, long... depths) {
    features = child("features", features(batchNorm, options.inputChannels(), depths));
    avgpool = child("avgpool", averagePoolTo(7));
    classifier =
        child(
            "classifier",
            new SequentialNetwork(
                new LinearImpl(512 * 7 * 7, 4096),
                relu(),
                new DropoutImpl(),
                new LinearImpl(4096, 4096),
                relu(),
                new DropoutImpl(),
                new LinearImpl(4096, options.classes())));
  }

  private static Network features(boolean batchNorm, long inputChannels, long[] depths) {
    List<Module> modules = new ArrayList<>();
    long channels = inputChannels;
    for (int stage = 0; stage < depths.length; stage++) {
      for (long i = 0; i < depths[stage]; i++) {
        modules.add(conv(channels, WIDTHS[stage], 3, 1, 1));
        channels = WIDTHS[stage];
        if (batchNorm) {
          modules.add(batchNorm(channels));
        }
        modules.add(relu());
      }
      modules.add(maxPool(2, 2, 0));
    }
    return new SequentialNetwork(modules.toArray(Module[]::new));
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W], with sides of at least 32
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
