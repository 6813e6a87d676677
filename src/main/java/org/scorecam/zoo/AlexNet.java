package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.averagePoolTo;
import static org.scorecam.zoo.Layers.conv;
import static org.scorecam.zoo.Layers.maxPool;
import static org.scorecam.zoo.Layers.relu;

import java.util.Optional;
import org.bytedeco.pytorch.DropoutImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * AlexNet in the form of Krizhevsky, "One weird trick for parallelizing convolutional neural
 * networks" (arXiv 1404.5997).
 */
final class AlexNet extends Network {
  private final Submodule features;
  private final Submodule avgpool;
  private final Submodule classifier;

  AlexNet(ZooOptions options) {
    features =
        child(
            "features",
            new SequentialNetwork(
                conv(options.inputChannels(), 64, 11, 4, 2),
                relu(),
                maxPool(3, 2, 0),
                conv(64, 192, 5, 1, 2),
                relu(),
                maxPool(3, 2, 0),
                conv(192, 384, 3, 1, 1),
                relu(),
                conv(384, 256, 3, 1, 1),
                relu(),
                conv(256, 256, 3, 1, 1),
                relu(),
                maxPool(3, 2, 0)));
    avgpool = child("avgpool", averagePoolTo(6));
    classifier =
        child(
            "classifier",
            new SequentialNetwork(
                new DropoutImpl(),
                new LinearImpl(256 * 6 * 6, 4096),
                relu(),
                new DropoutImpl(),
                new LinearImpl(4096, 4096),
                relu(),
                new LinearImpl(4096, options.classes())));
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W], with sides of at least 63
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
