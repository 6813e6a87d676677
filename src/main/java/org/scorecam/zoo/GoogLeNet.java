package org.scorecam.zoo;

import static org.scorecam.zoo.InceptionNetwork.BasicConv.pointwise;
import static org.scorecam.zoo.InceptionNetwork.BasicConv.square;
import static org.scorecam.zoo.Layers.averagePoolTo;
import static org.scorecam.zoo.Layers.concatenate;
import static org.scorecam.zoo.Layers.maxPoolCeil;

import java.util.Optional;
import org.bytedeco.pytorch.DropoutImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * GoogLeNet, of Szegedy et al., "Going Deeper with Convolutions" (arXiv 1409.4842), with batch
 * norms.
 */
final class GoogLeNet extends InceptionNetwork {
  private final Submodule[] features;
  private final Submodule avgpool;
  private final Submodule dropout;
  private final Submodule fc;

  GoogLeNet(ZooOptions options) {
    super(options);
    features =
        new Submodule[] {
          child("conv1", new BasicConv(options.inputChannels(), 64, 7, 2, 3)),
          child("maxpool1", maxPoolCeil(3, 2, 0)),
          child("conv2", pointwise(64, 64)),
          child("conv3", square(64, 192)),
          child("maxpool2", maxPoolCeil(3, 2, 0)),
          child("inception3a", new Inception(192, 64, 96, 128, 16, 32, 32)),
          child("inception3b", new Inception(256, 128, 128, 192, 32, 96, 64)),
          child("maxpool3", maxPoolCeil(3, 2, 0)),
          child("inception4a", new Inception(480, 192, 96, 208, 16, 48, 64)),
          child("inception4b", new Inception(512, 160, 112, 224, 24, 64, 64)),
          child("inception4c", new Inception(512, 128, 128, 256, 24, 64, 64)),
          child("inception4d", new Inception(512, 112, 144, 288, 32, 64, 64)),
          child("inception4e", new Inception(528, 256, 160, 320, 32, 128, 128)),
          child("maxpool4", maxPoolCeil(2, 2, 0)),
          child("inception5a", new Inception(832, 256, 160, 320, 32, 128, 128)),
          child("inception5b", new Inception(832, 384, 192, 384, 48, 128, 128)),
        };
    avgpool = child("avgpool", averagePoolTo(1));
    dropout = child("dropout", new DropoutImpl());
    fc = child("fc", new LinearImpl(1024, options.classes()));
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W], with sides of at least 15; three channels as ImageNet's
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    Tensor pooled = avgpool.forward(sequence(toUnitRange(x), features));
    return sequence(pooled.flatten(1, -1), dropout, fc);
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("inception5b");
  }

  /** The paper's figure 2 (b); with 3×3 in place of 5×5 convolutions, as torchvision has it. */
  private static final class Inception extends Network {
    private final Submodule branch1;
    private final Submodule branch2;
    private final Submodule branch3;
    private final Submodule branch4;

    Inception(long in, long out1, long reduced2, long out2, long reduced3, long out3, long out4) {
      branch1 = child("branch1", pointwise(in, out1));
      branch2 =
          child("branch2", new SequentialNetwork(pointwise(in, reduced2), square(reduced2, out2)));
      branch3 =
          child("branch3", new SequentialNetwork(pointwise(in, reduced3), square(reduced3, out3)));
      branch4 = child("branch4", new SequentialNetwork(maxPoolCeil(3, 1, 1), pointwise(in, out4)));
    }

    @Override
    public Tensor forward(Tensor x) {
      return concatenate(
          branch1.forward(x), branch2.forward(x), branch3.forward(x), branch4.forward(x));
    }
  }
}
