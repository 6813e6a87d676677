package org.scorecam.zoo;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.scorecam.error.ModelException;
import org.scorecam.error.NearestNames;
import org.scorecam.model.ModuleModel;
import org.scorecam.nn.Network;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.weights.LoadReport;
import org.scorecam.weights.TensorInfo;
import org.scorecam.weights.WeightFile;
import org.scorecam.weights.WeightLoader;
import org.scorecam.weights.WrapperNames;
import org.scorecam.zoo.ResNet.Block;
import org.scorecam.zoo.SwinTransformer.Version;
import org.scorecam.zoo.VideoResNet.Convolution;

/**
 * Torchvision's classifiers by their names there.
 *
 * <p>The customary target layer of each is the last that still has an image, as in
 * pytorch-grad-cam's and torchcam's documentation: {@code layer4} of residual networks, {@code
 * features} of most others (which for VGG and AlexNet is their last pooling), {@code layers} of
 * MnasNet, {@code conv5} of ShuffleNetV2, {@code trunk_output} of RegNet, {@code inception5b} of
 * GoogLeNet and {@code Mixed_7c} of Inception v3. Of transformers it is a norm: {@code
 * encoder.layers.encoder_layer_11.ln_1} of ViT-B, the last block's first as well in Swin ({@code
 * features.7.1.norm1}), and {@code norm} in V2. Of the networks for videos, which take [N, C, D, H,
 * W], it is {@code layer4}.
 *
 * <p>GoogLeNet and Inception v3 are as torchvision makes them for its published weights: inputs of
 * three channels, normalised like every other network's, are brought into the range from -1 to 1
 * first ({@code transform_input}), unless {@link ZooOptions#withoutInputTransform} says so. Their
 * auxiliary classifiers are left out, and weights of those in a file are not needed. Inception v3
 * takes sides of at least 75, and was trained on 299. ViT takes inputs of the one size that its
 * weights' position embeddings are for.
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
    put("squeezenet1_0", "features.0", "classifier.1", SqueezeNet::v10);
    put("squeezenet1_1", "features.0", "classifier.1", SqueezeNet::v11);
    put("googlenet", "conv1.conv", "fc", GoogLeNet::new);
    put("inception_v3", "Conv2d_1a_3x3.conv", "fc", InceptionV3::new);
    putResNet("resnet18", Block.BASIC, 1, 64, 2, 2, 2, 2);
    putResNet("resnet34", Block.BASIC, 1, 64, 3, 4, 6, 3);
    putResNet("resnet50", Block.BOTTLENECK, 1, 64, 3, 4, 6, 3);
    putResNet("resnet101", Block.BOTTLENECK, 1, 64, 3, 4, 23, 3);
    putResNet("resnet152", Block.BOTTLENECK, 1, 64, 3, 8, 36, 3);
    putResNet("resnext50_32x4d", Block.BOTTLENECK, 32, 4, 3, 4, 6, 3);
    putResNet("resnext101_32x8d", Block.BOTTLENECK, 32, 8, 3, 4, 23, 3);
    putResNet("resnext101_64x4d", Block.BOTTLENECK, 64, 4, 3, 4, 23, 3);
    putResNet("wide_resnet50_2", Block.BOTTLENECK, 1, 128, 3, 4, 6, 3);
    putResNet("wide_resnet101_2", Block.BOTTLENECK, 1, 128, 3, 4, 23, 3);
    putDenseNet("densenet121", 32, 6, 12, 24, 16);
    putDenseNet("densenet161", 48, 6, 12, 36, 24);
    putDenseNet("densenet169", 32, 6, 12, 32, 32);
    putDenseNet("densenet201", 32, 6, 12, 48, 32);
    put("mobilenet_v2", "features.0.0", "classifier.1", MobileNetV2::new);
    put("mobilenet_v3_small", "features.0.0", "classifier.3", MobileNetV3::small);
    put("mobilenet_v3_large", "features.0.0", "classifier.3", MobileNetV3::large);
    putMnasNet("mnasnet0_5", 0.5);
    putMnasNet("mnasnet0_75", 0.75);
    putMnasNet("mnasnet1_0", 1.0);
    putMnasNet("mnasnet1_3", 1.3);
    putShuffleNet("shufflenet_v2_x0_5", 48, 1024);
    putShuffleNet("shufflenet_v2_x1_0", 116, 1024);
    putShuffleNet("shufflenet_v2_x1_5", 176, 1024);
    putShuffleNet("shufflenet_v2_x2_0", 244, 2048);
    putEfficientNet("efficientnet_b0", options -> EfficientNet.small(1.0, 1.0, options));
    putEfficientNet("efficientnet_b1", options -> EfficientNet.small(1.0, 1.1, options));
    putEfficientNet("efficientnet_b2", options -> EfficientNet.small(1.1, 1.2, options));
    putEfficientNet("efficientnet_b3", options -> EfficientNet.small(1.2, 1.4, options));
    putEfficientNet("efficientnet_b4", options -> EfficientNet.small(1.4, 1.8, options));
    putEfficientNet("efficientnet_b5", options -> EfficientNet.large(1.6, 2.2, options));
    putEfficientNet("efficientnet_b6", options -> EfficientNet.large(1.8, 2.6, options));
    putEfficientNet("efficientnet_b7", options -> EfficientNet.large(2.0, 3.1, options));
    putEfficientNet("efficientnet_v2_s", EfficientNet::v2Small);
    putEfficientNet("efficientnet_v2_m", EfficientNet::v2Medium);
    putEfficientNet("efficientnet_v2_l", EfficientNet::v2Large);
    putRegNet("regnet_x_400mf", false, 16, depths(1, 2, 7, 12), 32, 64, 160, 400);
    putRegNet("regnet_x_800mf", false, 16, depths(1, 3, 7, 5), 64, 128, 288, 672);
    putRegNet("regnet_x_1_6gf", false, 24, depths(2, 4, 10, 2), 72, 168, 408, 912);
    putRegNet("regnet_x_3_2gf", false, 48, depths(2, 6, 15, 2), 96, 192, 432, 1008);
    putRegNet("regnet_x_8gf", false, 120, depths(2, 5, 15, 1), 80, 240, 720, 1920);
    putRegNet("regnet_x_16gf", false, 128, depths(2, 6, 13, 1), 256, 512, 896, 2048);
    putRegNet("regnet_x_32gf", false, 168, depths(2, 7, 13, 1), 336, 672, 1344, 2520);
    putRegNet("regnet_y_400mf", true, 8, depths(1, 3, 6, 6), 48, 104, 208, 440);
    putRegNet("regnet_y_800mf", true, 16, depths(1, 3, 8, 2), 64, 144, 320, 784);
    putRegNet("regnet_y_1_6gf", true, 24, depths(2, 6, 17, 2), 48, 120, 336, 888);
    putRegNet("regnet_y_3_2gf", true, 24, depths(2, 5, 13, 1), 72, 216, 576, 1512);
    putRegNet("regnet_y_8gf", true, 56, depths(2, 4, 10, 1), 224, 448, 896, 2016);
    putRegNet("regnet_y_16gf", true, 112, depths(2, 4, 11, 1), 224, 448, 1232, 3024);
    putRegNet("regnet_y_32gf", true, 232, depths(2, 5, 12, 1), 232, 696, 1392, 3712);
    putRegNet("regnet_y_128gf", true, 264, depths(2, 7, 17, 1), 528, 1056, 2904, 7392);
    putConvNeXt("convnext_tiny", 96, 3, 3, 9, 3);
    putConvNeXt("convnext_small", 96, 3, 3, 27, 3);
    putConvNeXt("convnext_base", 128, 3, 3, 27, 3);
    putConvNeXt("convnext_large", 192, 3, 3, 27, 3);
    putVit("vit_b_16", 16, 768, 12, 12);
    putVit("vit_b_32", 32, 768, 12, 12);
    putVit("vit_l_16", 16, 1024, 24, 16);
    putVit("vit_l_32", 32, 1024, 24, 16);
    putVit("vit_h_14", 14, 1280, 32, 16);
    putSwin("swin_t", Version.V1, 96, 2, 2, 6, 2);
    putSwin("swin_s", Version.V1, 96, 2, 2, 18, 2);
    putSwin("swin_b", Version.V1, 128, 2, 2, 18, 2);
    putSwin("swin_v2_t", Version.V2, 96, 2, 2, 6, 2);
    putSwin("swin_v2_s", Version.V2, 96, 2, 2, 18, 2);
    putSwin("swin_v2_b", Version.V2, 128, 2, 2, 18, 2);
    putVideo("r3d_18", "stem.0", Convolution.FULL);
    putVideo("mc3_18", "stem.0", Convolution.MIXED);
    putVideo("r2plus1d_18", "stem.0", Convolution.FACTORED);
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

  private static void putDenseNet(String name, long growth, long... depths) {
    put(name, "features.conv0", "classifier", options -> new DenseNet(options, growth, depths));
  }

  private static void putMnasNet(String name, double alpha) {
    put(name, "layers.0", "classifier.1", options -> new MnasNet(alpha, options));
  }

  private static void putShuffleNet(String name, long width, long last) {
    put(name, "conv1.0", "fc", options -> new ShuffleNetV2(width, last, options));
  }

  private static void putEfficientNet(String name, Function<ZooOptions, Network> maker) {
    put(name, "features.0.0", "classifier.1", maker);
  }

  private static void putRegNet(
      String name, boolean squeezes, long groupWidth, long[] depths, long... widths) {
    put(name, "stem.0", "fc", options -> new RegNet(squeezes, groupWidth, depths, widths, options));
  }

  private static long[] depths(long... depths) {
    return depths;
  }

  private static void putConvNeXt(String name, long width, long... depths) {
    put(name, "features.0.0", "classifier.2", options -> new ConvNeXt(width, options, depths));
  }

  private static void putVit(String name, long patch, long width, long depth, long heads) {
    put(
        name,
        "conv_proj",
        "heads.head",
        options -> new VisionTransformer(patch, width, depth, heads, options));
  }

  private static void putSwin(String name, Version version, long width, long... depths) {
    put(
        name,
        "features.0.0",
        "head",
        options -> new SwinTransformer(version, width, options, depths));
  }

  private static void putVideo(String name, String stem, Convolution convolution) {
    put(name, stem, "fc", options -> new VideoResNet(convolution, options));
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
    Objects.requireNonNull(options, "options");
    // The modules' options die with the scope; the modules are the network's by then.
    try (NativeScope scope = NativeScope.open()) {
      return scope.keep(architecture.maker.apply(options));
    }
  }

  /**
   * Builds a network and loads its weights, with as many classes and input channels as they have.
   *
   * @param name one of {@link #names()}
   * @param weights a file that {@link WeightFile#open(Path)} reads, such as those that torchvision
   *     publishes
   * @param device where the network shall run
   * @return the network in evaluation mode, owned by the caller
   * @throws ModelException if there is no such network, or if the file cannot be read or does not
   *     fit it; nothing is missing, unexpected or mis-shaped in one that fits
   * @throws org.scorecam.error.DeviceException if there is no such device
   */
  public static ModuleModel load(String name, Path weights, Device device) {
    architecture(name);
    Objects.requireNonNull(weights, "weights");
    Objects.requireNonNull(device, "device");
    try (WeightFile file = WeightFile.open(weights)) {
      return loadFrom(name, file, device).model();
    }
  }

  /**
   * As {@link #load(String, Path, Device)}, with a given number of classes: weights for another
   * number are refused.
   *
   * @param name one of {@link #names()}
   * @param weights a file that {@link WeightFile#open(Path)} reads
   * @param classes the length of the network's output, at least 1
   * @param device where the network shall run
   * @return the network in evaluation mode, owned by the caller
   * @throws ModelException if there is no such network, or if the file cannot be read or does not
   *     fit it
   * @throws IllegalArgumentException if {@code classes} is less than 1
   * @throws org.scorecam.error.DeviceException if there is no such device
   */
  public static ModuleModel load(String name, Path weights, long classes, Device device) {
    architecture(name);
    Objects.requireNonNull(weights, "weights");
    Objects.requireNonNull(device, "device");
    try (WeightFile file = WeightFile.open(weights)) {
      return loadFrom(name, file, classes, device).model();
    }
  }

  /**
   * As {@link #load(String, Path, Device)}, from a file that was opened, under a key perhaps; tells
   * what was done.
   *
   * @param name one of {@link #names()}
   * @param weights stays open, and the caller's
   * @param device where the network shall run
   * @return the network in evaluation mode, owned by the caller, and the report
   * @throws ModelException if there is no such network, or if the file does not fit it
   * @throws org.scorecam.error.DeviceException if there is no such device
   */
  public static LoadedNetwork loadFrom(String name, WeightFile weights, Device device) {
    Architecture architecture = architecture(name);
    Objects.requireNonNull(weights, "weights");
    long classes = size(weights, architecture, architecture.head, 0, ZooOptions.IMAGENET.classes());
    return loadFrom(name, weights, classes, device);
  }

  /**
   * As {@link #loadFrom(String, WeightFile, Device)}, with a given number of classes: weights for
   * another number are refused.
   *
   * @param name one of {@link #names()}
   * @param weights stays open, and the caller's
   * @param classes the length of the network's output, at least 1
   * @param device where the network shall run
   * @return the network in evaluation mode, owned by the caller, and the report
   * @throws ModelException if there is no such network, or if the file does not fit it
   * @throws IllegalArgumentException if {@code classes} is less than 1
   * @throws org.scorecam.error.DeviceException if there is no such device
   */
  public static LoadedNetwork loadFrom(
      String name, WeightFile weights, long classes, Device device) {
    Architecture architecture = architecture(name);
    Objects.requireNonNull(weights, "weights");
    long channels =
        size(weights, architecture, architecture.stem, 1, ZooOptions.IMAGENET.inputChannels());
    ZooOptions options = new ZooOptions(classes, channels);
    long side = inputSide(weights, architecture);
    return loadFrom(name, weights, side > 0 ? options.withInputSide(side) : options, device);
  }

  /**
   * As {@link #loadFrom(String, WeightFile, Device)}, into a network that is built with given
   * options.
   *
   * @param name one of {@link #names()}
   * @param weights stays open, and the caller's
   * @param options what the weights must be for
   * @param device where the network shall run
   * @return the network in evaluation mode, owned by the caller, and the report
   * @throws ModelException if there is no such network, or if the file does not fit it
   * @throws org.scorecam.error.DeviceException if there is no such device
   */
  public static LoadedNetwork loadFrom(
      String name, WeightFile weights, ZooOptions options, Device device) {
    Objects.requireNonNull(weights, "weights");
    Objects.requireNonNull(device, "device");
    ModuleModel model = ModuleModel.of(create(name, options), device);
    try {
      LoadReport report =
          WeightLoader.into(model.network())
              .renaming(Zoo::presentName)
              .ignoring(Zoo::isAuxiliary)
              .load(weights);
      return new LoadedNetwork(model, report);
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  /**
   * Densenet's published file is older than the ban of dots in modules' names, ViT's first ones
   * than the names of its perceptron's layers.
   */
  static String presentName(String name) {
    return name.replaceFirst("(\\.denselayer\\d+\\.(?:norm|relu|conv))\\.([12]\\.)", "$1$2")
        .replaceFirst("(encoder_layer_\\d+\\.mlp)\\.linear_1\\.", "$1.0.")
        .replaceFirst("(encoder_layer_\\d+\\.mlp)\\.linear_2\\.", "$1.3.");
  }

  /** What ViT's position embeddings are for; 0 where there are none. */
  private static long inputSide(WeightFile weights, Architecture architecture) {
    long tokens = size(weights, architecture, "encoder.pos_embedding", 1, 0);
    long patch = size(weights, architecture, architecture.stem, 2, 1);
    return tokens < 2 ? 0 : patch * Math.round(Math.sqrt(tokens - 1.0));
  }

  /** Of GoogLeNet's and Inception v3's classifiers that only training needs. */
  private static boolean isAuxiliary(String name) {
    return name.matches("(aux1|aux2|AuxLogits)\\..*");
  }

  /**
   * A size that the file's weights have, whatever its names begin with and whatever wrapped them;
   * where they lack it, strict loading says so.
   */
  private static long size(
      WeightFile file, Architecture architecture, String weight, int dimension, long otherwise) {
    Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    file.tensors().forEach((name, info) -> tensors.put(WrapperNames.removeFrom(name), info));
    TensorInfo info =
        tensors.keySet().stream()
            .filter(
                name -> name.equals(architecture.stem) || name.endsWith("." + architecture.stem))
            .map(name -> name.substring(0, name.length() - architecture.stem.length()))
            .filter(prefix -> tensors.containsKey(prefix + architecture.head))
            .min(Comparator.comparingInt(String::length))
            .map(prefix -> tensors.get(prefix + weight))
            .orElse(null);
    boolean known = info != null && info.shape().size() > dimension;
    return known ? Math.max(1, info.shape().get(dimension)) : otherwise;
  }

  private static Architecture architecture(String name) {
    Objects.requireNonNull(name, "name");
    Architecture architecture = ARCHITECTURES.get(name);
    if (architecture == null) {
      throw new ModelException(
          "the zoo has no network '%s'; the nearest of its %d names are %s"
              .formatted(
                  name,
                  ARCHITECTURES.size(),
                  String.join(", ", NearestNames.to(name, ARCHITECTURES.keySet()))));
    }
    return architecture;
  }
}
