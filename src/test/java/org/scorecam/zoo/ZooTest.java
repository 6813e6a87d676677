package org.scorecam.zoo;

import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.OutputArchive;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.StringTensorDict;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.error.InputException;
import org.scorecam.error.ModelException;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.Capture;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.ModuleModel;
import org.scorecam.model.RepeatedCall;
import org.scorecam.nn.Layout;
import org.scorecam.nn.Network;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;
import org.scorecam.weights.WeightFile;

/** Every network against torchvision's, by {@code src/test/python/zoo_reference.py}. */
class ZooTest {
  private static final Path REFERENCES = Path.of("src/test/resources/zoo/zoo.pth");
  private static final double TOLERANCE = 1e-4;
  private static final int SAMPLES = 500;
  private static final ZooOptions TEN_CLASSES = new ZooOptions(10, 3);

  /** The hooked layers of {@code zoo_reference.py}. */
  private static final Map<String, String> HOOKED =
      Map.ofEntries(
          Map.entry("alexnet", "features.8"),
          Map.entry("vgg11", "features.11"),
          Map.entry("vgg11_bn", "features.15"),
          Map.entry("vgg13", "features.15"),
          Map.entry("vgg13_bn", "features.21"),
          Map.entry("vgg16", "features.17"),
          Map.entry("vgg16_bn", "features.24"),
          Map.entry("vgg19", "features.19"),
          Map.entry("vgg19_bn", "features.27"),
          Map.entry("resnet18", "layer3.0.downsample.1"),
          Map.entry("resnet34", "layer2.3"),
          Map.entry("resnet50", "layer3.2.conv2"),
          Map.entry("resnet101", "layer3.20"),
          Map.entry("resnet152", "layer2.7.bn3"),
          Map.entry("resnext50_32x4d", "layer3.0.conv2"),
          Map.entry("wide_resnet50_2", "layer2.1"),
          Map.entry("mobilenet_v2", "features.8.conv.1"),
          Map.entry("densenet121", "features.denseblock3.denselayer7"),
          Map.entry("squeezenet1_1", "features.6.expand3x3"),
          Map.entry("squeezenet1_0", "features.9.expand1x1"),
          Map.entry("googlenet", "inception4d.branch3.1"),
          Map.entry("inception_v3", "Mixed_6c.branch7x7dbl_4"),
          Map.entry("resnext101_32x8d", "layer3.11.conv2"),
          Map.entry("resnext101_64x4d", "layer2.3"),
          Map.entry("densenet161", "features.transition2.pool"),
          Map.entry("densenet169", "features.denseblock4.denselayer20"),
          Map.entry("densenet201", "features.denseblock3.denselayer40.conv2"),
          Map.entry("mobilenet_v3_small", "features.8.block.1.2"),
          Map.entry("mobilenet_v3_large", "features.13.block.2"),
          Map.entry("mnasnet0_5", "layers.10.1.layers.4"),
          Map.entry("mnasnet0_75", "layers.12.2"),
          Map.entry("mnasnet1_0", "layers.11.1.layers.7"),
          Map.entry("mnasnet1_3", "layers.9.2"),
          Map.entry("shufflenet_v2_x0_5", "stage3.0.branch1"),
          Map.entry("shufflenet_v2_x1_0", "stage3.4"),
          Map.entry("shufflenet_v2_x1_5", "stage4.1.branch2.6"),
          Map.entry("shufflenet_v2_x2_0", "stage2.3.branch2"),
          Map.entry("efficientnet_b0", "features.4.1.block.2"),
          Map.entry("efficientnet_b1", "features.5.3.stochastic_depth"),
          Map.entry("efficientnet_b2", "features.6.2.block.1.0"),
          Map.entry("efficientnet_b3", "features.7.1"),
          Map.entry("efficientnet_b4", "features.3.0.block.3"),
          Map.entry("efficientnet_b5", "features.4.2.block.1"),
          Map.entry("efficientnet_b6", "features.5.1.block.0.1"),
          Map.entry("efficientnet_b7", "features.6.3"),
          Map.entry("efficientnet_v2_s", "features.3.1.block.0"),
          Map.entry("efficientnet_v2_m", "features.5.6.block.2"),
          Map.entry("regnet_x_400mf", "trunk_output.block3.block3-2.f.b.0"),
          Map.entry("regnet_x_800mf", "trunk_output.block2"),
          Map.entry("regnet_x_1_6gf", "trunk_output.block3.block3-7.f.a"),
          Map.entry("regnet_x_3_2gf", "trunk_output.block3.block3-0.proj"),
          Map.entry("regnet_x_8gf", "trunk_output.block1.block1-0.f.b"),
          Map.entry("regnet_x_16gf", "trunk_output.block4.block4-0.f.c"),
          Map.entry("regnet_y_400mf", "trunk_output.block3.block3-4.f.se"),
          Map.entry("regnet_y_800mf", "trunk_output.block3.block3-0.f.se"),
          Map.entry("regnet_y_1_6gf", "trunk_output.block3.block3-11.f.b"),
          Map.entry("regnet_y_3_2gf", "trunk_output.block2.block2-4"),
          Map.entry("regnet_y_8gf", "trunk_output.block1.block1-1.f.se"),
          Map.entry("regnet_y_16gf", "trunk_output.block3"),
          Map.entry("convnext_tiny", "features.5.4.block.5"),
          Map.entry("convnext_small", "features.4.0"),
          Map.entry("convnext_base", "features.3.1"),
          Map.entry("vit_b_16", "encoder.layers.encoder_layer_5.mlp"),
          Map.entry("vit_b_32", "encoder.layers.encoder_layer_11.ln_1"),
          Map.entry("vit_l_16", "encoder.layers.encoder_layer_20"),
          Map.entry("vit_l_32", "encoder.layers.encoder_layer_3.ln_2"),
          Map.entry("swin_t", "features.5.3.attn"),
          Map.entry("swin_s", "features.4"),
          Map.entry("swin_b", "features.7.1.norm1"),
          Map.entry("swin_v2_t", "features.3.1.attn"),
          Map.entry("swin_v2_s", "features.5.17.norm2"),
          Map.entry("swin_v2_b", "norm"),
          Map.entry("r3d_18", "layer3.0.downsample"),
          Map.entry("mc3_18", "layer2.1.conv2"),
          Map.entry("r2plus1d_18", "layer3.1.conv1.0.1"));

  /** The large ones, of which names and shapes are compared alone. */
  private static final Set<String> NAMES_ALONE =
      Set.of(
          "wide_resnet101_2",
          "efficientnet_v2_l",
          "regnet_x_32gf",
          "regnet_y_32gf",
          "regnet_y_128gf",
          "convnext_large",
          "vit_h_14");

  private static final Set<String> HUGE = Set.of("regnet_y_128gf", "vit_h_14");
  private static final long HUGE_BYTES = 4L << 30;

  /** The sides of the input where it is not 64. */
  private static final Map<String, Integer> SIDES =
      Map.of("inception_v3", 96, "swin_t", 72, "swin_v2_t", 72);

  /** Those that take videos. */
  private static final Set<String> VIDEO = Set.of("r3d_18", "mc3_18", "r2plus1d_18");

  /** The factors of the norms' weights there. */
  private static final Map<String, Double> GAINS =
      Map.ofEntries(
          Map.entry("inception_v3", 1.2),
          Map.entry("mobilenet_v3_small", 1.25),
          Map.entry("mobilenet_v3_large", 1.15),
          Map.entry("efficientnet_b0", 1.25),
          Map.entry("efficientnet_b1", 1.25),
          Map.entry("efficientnet_b2", 1.25),
          Map.entry("efficientnet_b3", 1.25),
          Map.entry("efficientnet_b4", 1.2),
          Map.entry("efficientnet_b5", 1.17),
          Map.entry("efficientnet_b6", 1.125),
          Map.entry("efficientnet_b7", 1.12),
          Map.entry("efficientnet_v2_m", 0.9));

  @TempDir Path folder;

  static List<String> names() {
    return Zoo.names();
  }

  @ParameterizedTest
  @MethodSource("names")
  void computesWhatTorchvisionDoes(String name) {
    assumeTrue(
        !HUGE.contains(name)
            || DeviceMemory.of(Device.cpu()).available().orElse(HUGE_BYTES) >= HUGE_BYTES,
        () -> name + " is left out: less than " + HUGE_BYTES + " bytes of memory are available");
    Network network = Zoo.create(name, optionsOf(name));
    try (ModuleModel model = ModuleModel.of(network, Device.cpu());
        WeightFile references = WeightFile.open(REFERENCES);
        NativeScope scope = NativeScope.open()) {
      LongPointer names = new LongPointer(references.tensor(name + ".names").data_ptr());
      assertListed(names.get(0), names.get(1), tensors(network));
      assertListed(names.get(2), names.get(3), List.copyOf(network.submodules().keySet()));
      String defaultLayer = model.defaultLayer().orElseThrow();
      assertTrue(network.submodules().containsKey(defaultLayer), defaultLayer);
      if (!NAMES_ALONE.contains(name)) {
        ZooFormula.fill(network, GAINS.getOrDefault(name, 1.0));
        assertOutputs(name, model, references);
      }
    }
  }

  /** ViT takes inputs of one size. */
  private static ZooOptions optionsOf(String name) {
    return name.startsWith("vit_") && !NAMES_ALONE.contains(name)
        ? TEN_CLASSES.withInputSide(64)
        : TEN_CLASSES;
  }

  private static void assertListed(long count, long crc, List<String> lines) {
    List<String> sorted = lines.stream().sorted().toList();
    assertEquals(count, sorted.size(), sorted::toString);
    String text = sorted.stream().map(line -> line + "\n").collect(joining());
    assertEquals(crc, ZooFormula.crc32(text), sorted::toString);
  }

  private static void assertOutputs(String name, ModuleModel model, WeightFile references) {
    float[] expected = Tensors.toArray(references.tensor(name + ".output"));
    try (Tensor images = inputsOf(name)) {
      try (Capture capture = model.capture(images, List.of(HOOKED.get(name)), RepeatedCall.LAST)) {
        Goldens.assertClose(expected, Tensors.toArray(capture.output().tensor()), TOLERANCE);
        Goldens.assertClose(
            Tensors.toArray(references.tensor(name + ".activation")),
            sample(Tensors.toArray(capture.activations().get(0))),
            TOLERANCE);
      }
      try (ModelOutput scored = model.scorer().score(images)) {
        Goldens.assertClose(expected, Tensors.toArray(scored.tensor()), TOLERANCE);
      }
    }
  }

  private static Tensor inputsOf(String name) {
    return VIDEO.contains(name)
        ? ZooFormula.inputs(8, 40, 40)
        : ZooFormula.images(SIDES.getOrDefault(name, 64));
  }

  /** Name and shape of each parameter and buffer. */
  private static List<String> tensors(Module network) {
    List<String> lines = new ArrayList<>();
    for (StringTensorDict tensors : List.of(network.named_parameters(), network.named_buffers())) {
      for (long i = 0; i < tensors.size(); i++) {
        lines.add(tensors.get(i).key().getString() + " " + Tensors.shapeOf(tensors.get(i).value()));
      }
    }
    return lines;
  }

  private static float[] sample(float[] values) {
    int step = Math.max(1, values.length / SAMPLES);
    float[] sampled = new float[(values.length + step - 1) / step];
    for (int i = 0; i < sampled.length; i++) {
      sampled[i] = values[i * step];
    }
    return sampled;
  }

  @Test
  void hasEveryNetworkOfTheReferences() {
    Set<String> names = new HashSet<>(HOOKED.keySet());
    names.addAll(NAMES_ALONE);
    assertEquals(names, Set.copyOf(Zoo.names()));
  }

  @ParameterizedTest
  @CsvSource({
    "resnet50, layer4",
    "resnext50_32x4d, layer4",
    "wide_resnet50_2, layer4",
    "mobilenet_v2, features",
    "densenet121, features",
    "squeezenet1_1, features",
    "googlenet, inception5b",
    "inception_v3, Mixed_7c",
    "mobilenet_v3_small, features",
    "mnasnet0_5, layers",
    "shufflenet_v2_x0_5, conv5",
    "efficientnet_b0, features",
    "regnet_y_400mf, trunk_output",
    "convnext_tiny, features",
    "vit_b_32, encoder.layers.encoder_layer_11.ln_1",
    "swin_t, features.7.1.norm1",
    "swin_v2_t, norm",
    "r3d_18, layer4",
  })
  void knowsTheCustomaryLayer(String name, String layer) {
    try (Network network = Zoo.create(name)) {
      assertEquals(Optional.of(layer), network.defaultLayer());
    }
  }

  @Test
  void offersTheNearestNames() {
    ModelException error = assertThrows(ModelException.class, () -> Zoo.create("resnet500"));
    assertEquals(
        "the zoo has no network 'resnet500'; the nearest of its 82 names are"
            + " resnet50, resnet101, resnext50_32x4d",
        error.getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "mobilenetv3, mobilenet_v3_small",
    "regnet, regnet_x_8gf",
    "inceptionv3, inception_v3",
    "shufflenet, shufflenet_v2_x0_5",
    "efficientnetv2_s, efficientnet_v2_s",
  })
  void offersTheNamesThatGoOn(String name, String nearest) {
    String message = assertThrows(ModelException.class, () -> Zoo.create(name)).getMessage();
    assertTrue(message.contains("names are " + nearest + ","), message);
  }

  @Test
  void namesWhatIsNull() {
    Path file = folder.resolve("weights.pth");
    Device cpu = Device.cpu();
    assertNull("name", () -> Zoo.create(null));
    assertNull("name", () -> Zoo.load(null, file, cpu));
    assertNull("options", () -> Zoo.create("resnet18", null));
    assertNull("weights", () -> Zoo.load("resnet18", null, cpu));
    assertNull("device", () -> Zoo.load("resnet18", file, null));
  }

  private static void assertNull(String argument, Executable call) {
    assertEquals(argument, assertThrows(NullPointerException.class, call).getMessage());
  }

  @ParameterizedTest
  @CsvSource({"googlenet, aux1", "googlenet, aux2", "inception_v3, AuxLogits"})
  void loadsWeightsWithAuxiliaryClassifiers(String name, String classifier) {
    Path file = folder.resolve(name + ".pt");
    float[] expected;
    try (Network network = Zoo.create(name, TEN_CLASSES);
        NativeScope scope = NativeScope.open();
        Tensor images = ZooFormula.images(96)) {
      network.register_module(classifier, new LinearImpl(4, 10));
      OutputArchive archive = new OutputArchive();
      network.save(archive);
      archive.save_to(file.toString());
      network.eval();
      expected = Tensors.toArray(network.call(images));
    }
    try (ModuleModel loaded = Zoo.load(name, file, Device.cpu());
        Tensor images = ZooFormula.images(96);
        ModelOutput output = loaded.forward(images)) {
      Goldens.assertClose(expected, Tensors.toArray(output.tensor()), TOLERANCE);
    }
  }

  @Test
  void inputsAreTransformedUnlessSaidOtherwise() {
    Path file = folder.resolve("googlenet.pt");
    try (Network network = Zoo.create("googlenet", TEN_CLASSES);
        NativeScope scope = NativeScope.open()) {
      ZooFormula.fill(network, 1);
      OutputArchive archive = new OutputArchive();
      network.save(archive);
      archive.save_to(file.toString());
    }
    try (WeightFile weights = WeightFile.open(file);
        LoadedNetwork transforming = Zoo.loadFrom("googlenet", weights, Device.cpu());
        LoadedNetwork plain =
            Zoo.loadFrom("googlenet", weights, TEN_CLASSES.withoutInputTransform(), Device.cpu());
        NativeScope scope = NativeScope.open()) {
      Tensor images = ZooFormula.images(96);
      Tensor transformed = images.clone();
      // A pixel p is (p - mean) / deviation in the one, (p - 0.5) / 0.5 in the other.
      double[][] means = {{0.485, 0.229}, {0.456, 0.224}, {0.406, 0.225}};
      for (int channel = 0; channel < 3; channel++) {
        transformed
            .narrow(1, channel, 1)
            .mul_(new Scalar(2 * means[channel][1]))
            .add_(new Scalar(2 * means[channel][0] - 1));
      }
      float[] expected = Tensors.toArray(transforming.model().forward(images).tensor());
      assertArrayEquals(
          expected, Tensors.toArray(plain.model().forward(transformed).tensor()), 1e-5f);
      float[] untransformed = Tensors.toArray(plain.model().forward(images).tensor());
      assertTrue(Math.abs(expected[0] - untransformed[0]) > 1e-3f);
    }
  }

  @Test
  void refusesNoClasses() {
    assertThrows(IllegalArgumentException.class, () -> new ZooOptions(0, 3));
    assertThrows(IllegalArgumentException.class, () -> new ZooOptions(10, 0));
  }

  @ParameterizedTest
  @CsvSource({
    "resnet18, 7, 1",
    "mobilenet_v2, 3, 4",
    "squeezenet1_1, 5, 2",
    "densenet121, 4, 1",
    "googlenet, 5, 1",
    "mobilenet_v3_small, 5, 1",
    "mnasnet0_5, 5, 2",
    "shufflenet_v2_x0_5, 5, 1",
    "efficientnet_b0, 5, 4",
    "regnet_x_400mf, 5, 1",
    "convnext_tiny, 5, 2",
    "swin_t, 5, 4",
  })
  void loadsAnyNumberOfClassesAndChannels(String name, long classes, long channels) {
    Path file = folder.resolve(name + ".pt");
    float[] expected;
    long[] shape = {1, channels, 64, 64};
    try (ModuleModel made =
            ModuleModel.of(Zoo.create(name, new ZooOptions(classes, channels)), Device.cpu());
        NativeScope scope = NativeScope.open()) {
      OutputArchive archive = new OutputArchive();
      made.network().save(archive);
      archive.save_to(file.toString());
      try (ModelOutput output = made.forward(torch.ones(shape))) {
        expected = Tensors.toArray(output.tensor());
      }
    }
    try (ModuleModel loaded = Zoo.load(name, file, Device.cpu());
        NativeScope scope = NativeScope.open();
        ModelOutput output = loaded.forward(torch.ones(shape))) {
      assertEquals("[1, " + classes + "]", Tensors.shapeOf(output.tensor()));
      Goldens.assertClose(expected, Tensors.toArray(output.tensor()), TOLERANCE);
    }
  }

  @Test
  void loadsTheSizeThatPositionEmbeddingsAreFor() {
    Path file = folder.resolve("vit.pt");
    try (Network network = Zoo.create("vit_b_32", TEN_CLASSES.withInputSide(96));
        NativeScope scope = NativeScope.open()) {
      OutputArchive archive = new OutputArchive();
      network.save(archive);
      archive.save_to(file.toString());
    }
    try (ModuleModel loaded = Zoo.load("vit_b_32", file, Device.cpu());
        NativeScope scope = NativeScope.open();
        ModelOutput output = loaded.forward(torch.ones(1, 3, 96, 96))) {
      assertEquals("[1, 10]", Tensors.shapeOf(output.tensor()));
      InputException refusal =
          assertThrows(InputException.class, () -> loaded.forward(torch.ones(1, 3, 224, 224)));
      assertTrue(
          refusal.getMessage().contains("position embeddings for inputs of 96×96"),
          refusal.getMessage());
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> Zoo.create("vit_b_32", TEN_CLASSES.withInputSide(100)));
  }

  @ParameterizedTest
  @CsvSource({
    "encoder.layers.encoder_layer_3.mlp.linear_1.bias, encoder.layers.encoder_layer_3.mlp.0.bias",
    "encoder.layers.encoder_layer_3.mlp.linear_2.bias, encoder.layers.encoder_layer_3.mlp.3.bias",
    "features.denseblock1.denselayer2.norm.1.bias, features.denseblock1.denselayer2.norm1.bias",
    "features.0.weight, features.0.weight",
  })
  void olderNamesAreKnown(String older, String present) {
    assertEquals(present, Zoo.presentName(older));
  }

  @Test
  void transformersKnowTheirLayouts() {
    try (ModuleModel vit =
            ModuleModel.of(Zoo.create("vit_b_32", TEN_CLASSES.withInputSide(64)), Device.cpu());
        ModuleModel swin = ModuleModel.of(Zoo.create("swin_t", TEN_CLASSES), Device.cpu())) {
      assertEquals(Optional.of(Layout.tokens(1)), vit.layoutOf("encoder.layers.encoder_layer_3"));
      assertEquals(Optional.empty(), vit.layoutOf("conv_proj"));
      assertEquals(Optional.of(Layout.CHANNELS_LAST), swin.layoutOf("features.7.1.norm1"));
      assertEquals(Optional.empty(), swin.layoutOf("features.0.0"));
      assertEquals(Optional.empty(), swin.layoutOf("permute"));
    }
  }

  @Test
  void refusesTheWeightsOfAnotherNetwork() {
    Path file = folder.resolve("resnet18.pt");
    try (Network network = Zoo.create("resnet18", TEN_CLASSES);
        NativeScope scope = NativeScope.open()) {
      OutputArchive archive = new OutputArchive();
      network.save(archive);
      archive.save_to(file.toString());
    }
    ModelException error =
        assertThrows(ModelException.class, () -> Zoo.load("resnet34", file, Device.cpu()));
    assertTrue(
        error.getMessage().contains("missing in the file: layer1.2.conv1.weight"),
        error.getMessage());
  }

  @Test
  void explainsVideos() {
    Network network = Zoo.create("r3d_18", TEN_CLASSES);
    ZooFormula.fill(network, 1);
    try (ModuleModel model = ModuleModel.of(network, Device.cpu());
        ScoreCam cam = ScoreCam.on(model).channels(ChannelSelection.topMax(4)).build();
        Tensor videos = ZooFormula.inputs(8, 40, 40);
        Tensor video = videos.narrow(0, 0, 1);
        Saliency map = cam.explain(video, Target.top1())) {
      assertEquals("layer4", map.layer());
      assertArrayEquals(new long[] {8, 40, 40}, map.shape());
      assertTrue(!map.status().blank());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"squeezenet1_1", "vit_b_32", "swin_t", "swin_v2_t"})
  void explainsItsCustomaryLayer(String name) {
    Network network = Zoo.create(name, optionsOf(name));
    ZooFormula.fill(network, 1);
    try (ModuleModel model = ModuleModel.of(network, Device.cpu());
        ScoreCam cam = ScoreCam.on(model).channels(ChannelSelection.topMax(4)).build();
        Tensor images = ZooFormula.images(64);
        Tensor image = images.narrow(0, 0, 1);
        Saliency map = cam.explain(image, Target.top1())) {
      assertEquals(network.defaultLayer().orElseThrow(), map.layer());
      assertEquals(64, map.height());
      assertEquals(4, map.status().scoredChannels());
      assertTrue(!map.status().blank());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "squeezenet1_1",
        "googlenet",
        "mobilenet_v3_small",
        "mnasnet0_5",
        "shufflenet_v2_x0_5",
        "efficientnet_b0",
        "regnet_y_400mf",
        "convnext_tiny",
        "vit_b_32",
        "swin_v2_t"
      })
  void givesItsMemoryBack(String name) {
    try (Tensor images = ZooFormula.images(64)) {
      Runnable use =
          () -> {
            try (ModuleModel model =
                ModuleModel.of(Zoo.create(name, optionsOf(name)), Device.cpu())) {
              model.forward(images).close();
              model.scorer().score(images).close();
            }
          };
      use.run();
      NativeObjects.assertNoneLeftBy(use);
    }
  }
}
