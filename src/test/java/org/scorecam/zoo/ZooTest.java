package org.scorecam.zoo;

import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.OutputArchive;
import org.bytedeco.pytorch.StringTensorDict;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.Goldens;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.error.ModelException;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.Capture;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.ModuleModel;
import org.scorecam.model.RepeatedCall;
import org.scorecam.nn.Network;
import org.scorecam.runtime.Device;
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
          Map.entry("squeezenet1_1", "features.6.expand3x3"));

  @TempDir Path folder;

  static List<String> names() {
    return Zoo.names();
  }

  @ParameterizedTest
  @MethodSource("names")
  void computesWhatTorchvisionDoes(String name) {
    Network network = Zoo.create(name, TEN_CLASSES);
    ZooFormula.fill(network);
    try (ModuleModel model = ModuleModel.of(network, Device.cpu());
        WeightFile references = WeightFile.open(REFERENCES);
        NativeScope scope = NativeScope.open();
        Tensor images = ZooFormula.images()) {
      List<String> listing = listing(network);
      LongPointer names = new LongPointer(references.tensor(name + ".names").data_ptr());
      assertEquals(names.get(0), listing.size(), () -> "names: " + listing);
      assertEquals(
          names.get(1), ZooFormula.crc32(String.join("", listing)), () -> "names: " + listing);

      float[] expected = Tensors.toArray(references.tensor(name + ".output"));
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
      String defaultLayer = model.defaultLayer().orElseThrow();
      assertTrue(network.submodules().containsKey(defaultLayer), defaultLayer);
    }
  }

  /** Name and shape of each parameter and buffer, a line each. */
  private static List<String> listing(Module network) {
    List<String> lines = new ArrayList<>();
    for (StringTensorDict tensors : List.of(network.named_parameters(), network.named_buffers())) {
      for (long i = 0; i < tensors.size(); i++) {
        lines.add(
            tensors.get(i).key().getString()
                + " "
                + Tensors.shapeOf(tensors.get(i).value())
                + "\n");
      }
    }
    return lines.stream().sorted().toList();
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
    assertEquals(HOOKED.keySet(), Set.copyOf(Zoo.names()));
  }

  @ParameterizedTest
  @CsvSource({
    "resnet50, layer4",
    "resnext50_32x4d, layer4",
    "wide_resnet50_2, layer4",
    "mobilenet_v2, features",
    "densenet121, features",
    "squeezenet1_1, features",
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
        "there is no network 'resnet500'; the nearest of 19 are resnet50, resnet101, resnet18",
        sorted(error.getMessage()));
  }

  /** Names at the same distance come in any order. */
  private static String sorted(String message) {
    String names = message.substring(message.indexOf(" are ") + 5);
    return message.substring(0, message.indexOf(" are ") + 5)
        + Arrays.stream(names.split(", "))
            .sorted((a, b) -> a.equals("resnet50") ? -1 : b.equals("resnet50") ? 1 : a.compareTo(b))
            .collect(joining(", "));
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
      assertArrayEquals(expected, Tensors.toArray(output.tensor()));
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
  void explainsItsCustomaryLayer() {
    Network network = Zoo.create("squeezenet1_1", TEN_CLASSES);
    ZooFormula.fill(network);
    try (ModuleModel model = ModuleModel.of(network, Device.cpu());
        ScoreCam cam = ScoreCam.on(model).channels(ChannelSelection.topMax(4)).build();
        Tensor images = ZooFormula.images();
        Tensor image = images.narrow(0, 0, 1);
        Saliency map = cam.explain(image, Target.top1())) {
      assertEquals("features", map.layer());
      assertEquals(4, map.status().scoredChannels());
      assertTrue(!map.status().blank());
    }
  }

  @Test
  void givesItsMemoryBack() {
    Zoo.create("squeezenet1_1").close();
    long before = Pointer.totalCount();
    Zoo.create("squeezenet1_1").close();
    assertEquals(before, Pointer.totalCount());
  }
}
