package org.scorecam.zoo;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.scorecam.error.ModelException;
import org.scorecam.error.NearestNames;
import org.scorecam.model.ModuleModel;
import org.scorecam.nn.Network;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.weights.TensorInfo;
import org.scorecam.weights.WeightFile;
import org.scorecam.weights.WeightLoader;
import org.scorecam.zoo.ResNet.Block;

/**
 * Torchvision's networks by their names there.
 *
 * <p>The customary target layer of each is what pytorch-grad-cam's and torchcam's documentation
 * name: the whole last stage of residual networks, {@code layer4}, and all of {@code features} of
 * the others, which for VGG and AlexNet is their last pooling.
 */
public final class Zoo {
  /**
   * What there is to know of a network.
   *
   * @param maker builds it
   * @param stem the weight [out, input channels, h, w] of the first convolution
   * @param head the weight [classes, in, …] of the last layer
   */
  private record Architecture(Function<ZooOptions, Network> maker, String stem, String head) {}

  private static final Map<String, Architecture> ARCHITECTURES = new LinkedHashMap<>();

  static {
    put("alexnet", "features.0", "classifier.6", AlexNet::new);
    putVgg("vgg11", 1, 1, 2, 2, 2);
    putVgg("vgg13", 2, 2, 2, 2, 2);
    putVgg("vgg16", 2, 2, 3, 3, 3);
    putVgg("vgg19", 2, 2, 4, 4, 4);
    putResNet("resnet18", Block.BASIC, 1, 64, 2, 2, 2, 2);
    putResNet("resnet34", Block.BASIC, 1, 64, 3, 4, 6, 3);
    putResNet("resnet50", Block.BOTTLENECK, 1, 64, 3, 4, 6, 3);
    putResNet("resnet101", Block.BOTTLENECK, 1, 64, 3, 4, 23, 3);
    putResNet("resnet152", Block.BOTTLENECK, 1, 64, 3, 8, 36, 3);
    putResNet("resnext50_32x4d", Block.BOTTLENECK, 32, 4, 3, 4, 6, 3);
    putResNet("wide_resnet50_2", Block.BOTTLENECK, 1, 128, 3, 4, 6, 3);
    put("mobilenet_v2", "features.0.0", "classifier.1", MobileNetV2::new);
    put(
        "densenet121",
        "features.conv0",
        "classifier",
        options -> new DenseNet(options, 6, 12, 24, 16));
    put("squeezenet1_1", "features.0", "classifier.1", SqueezeNet::new);
  }

  private Zoo() {}

  private static void putVgg(String name, long... depths) {
    put(name, "features.0", "classifier.6", options -> new Vgg(false, options, depths));
    put(name + "_bn", "features.0", "classifier.6", options -> new Vgg(true, options, depths));
  }

  private static void putResNet(
      String name, Block block, long groups, long groupWidth, long... depths) {
    put(name, "conv1", "fc", options -> new ResNet(block, depths, groups, groupWidth, options));
  }

  private static void put(
      String name, String stem, String head, Function<ZooOptions, Network> maker) {
    ARCHITECTURES.put(name, new Architecture(maker, stem + ".weight", head + ".weight"));
  }

  /**
   * The networks that there are.
   *
   * @return names such as {@code resnet50}, of one family side by side
   */
  public static List<String> names() {
    return List.copyOf(ARCHITECTURES.keySet());
  }

  /**
   * Builds a network for ImageNet, with random weights.
   *
   * @param name one of {@link #names()}
   * @return float32 on the CPU, in training mode; owned by the caller
   * @throws ModelException if there is no such network, with the nearest names
   */
  public static Network create(String name) {
    return create(name, ZooOptions.IMAGENET);
  }

  /**
   * Builds a network, with random weights.
   *
   * @param name one of {@link #names()}
   * @param options classes and input channels
   * @return float32 on the CPU, in training mode; owned by the caller
   * @throws ModelException if there is no such network, with the nearest names
   */
  public static Network create(String name, ZooOptions options) {
    Architecture architecture = architecture(name);
    // The modules' options die with the scope; the modules are the network's by then.
    try (NativeScope scope = NativeScope.open()) {
      return scope.keep(architecture.maker.apply(options));
    }
  }

  /**
   * Builds a network and loads its weights, with as many classes and input channels as they have.
   *
   * @param name one of {@link #names()}
   * @param weights a file that {@link WeightFile#open} reads, such as those that torchvision
   *     publishes
   * @param device where the network shall run
   * @return the network in evaluation mode, owned by the caller
   * @throws ModelException if there is no such network, or if the file cannot be read or does not
   *     fit it; nothing is missing, unexpected or mis-shaped in one that fits
   * @throws org.scorecam.error.DeviceException if there is no such device
   */
  public static ModuleModel load(String name, Path weights, Device device) {
    Architecture architecture = architecture(name);
    try (WeightFile file = WeightFile.open(weights)) {
      ZooOptions options =
          new ZooOptions(
              size(file, architecture.head, 0, ZooOptions.IMAGENET.classes()),
              size(file, architecture.stem, 1, ZooOptions.IMAGENET.inputChannels()));
      ModuleModel model = ModuleModel.of(create(name, options), device);
      try {
        WeightLoader.into(model.network()).renaming(Zoo::presentName).load(file);
        return model;
      } catch (RuntimeException | Error e) {
        model.close();
        throw e;
      }
    }
  }

  /** Densenet's published file is older than the ban of dots in modules' names. */
  private static String presentName(String name) {
    return name.replaceFirst("(\\.denselayer\\d+\\.(?:norm|relu|conv))\\.([12]\\.)", "$1$2");
  }

  /** A size that the file's weights have; where they lack it, strict loading says so. */
  private static long size(WeightFile file, String weight, int dimension, long otherwise) {
    TensorInfo info = file.tensors().get(weight);
    boolean known = info != null && info.shape().size() > dimension;
    return known ? Math.max(1, info.shape().get(dimension)) : otherwise;
  }

  private static Architecture architecture(String name) {
    Architecture architecture = ARCHITECTURES.get(name);
    if (architecture == null) {
      throw new ModelException(
          "there is no network '%s'; the nearest of %d are %s"
              .formatted(
                  name,
                  ARCHITECTURES.size(),
                  String.join(", ", NearestNames.to(name, ARCHITECTURES.keySet()))));
    }
    return architecture;
  }
}
