package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Conv1dImpl;
import org.bytedeco.pytorch.Conv3dImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.mask.ChannelFacts;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.MaskRule;
import org.scorecam.mask.MaskSampling;
import org.scorecam.mask.Masker;
import org.scorecam.mask.Masks;
import org.scorecam.mask.TensorMasker;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModuleModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.tensor.NpyFile;
import org.scorecam.tensor.Tensors;

/** Series [N, C, L] and volumes [N, C, D, H, W]. */
class RanksTest {
  private static final double TOLERANCE = 1e-4;
  private static final Path FOLDER = Path.of("src/test/resources/layouts");

  @TempDir Path folder;

  private static HookedModel model(String name) {
    return TorchScriptModel.load(FOLDER.resolve(name + "_script.pt"), Device.cpu());
  }

  private static Tensor input(String name) {
    return NpyFile.read(FOLDER.resolve(name + ".input.npy"));
  }

  /** Two inputs whose values depend on their place alone, whatever the shape. */
  private static Tensor inputs(long... shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    float[] values = new float[(int) count];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.sin(i * 0.37 + i / 300.0) + 0.3f;
    }
    return Tensors.of(values, shape);
  }

  /** A network of convolutions of a rank, with the same weights whatever the rank. */
  private static ScriptedModels.Script network(int rank, long... kernel) {
    long[] first = concat(new long[] {12, 2}, kernel);
    long[] second = concat(new long[] {12, 12}, kernel);
    String strides = rank == 1 ? "[2]" : rank == 2 ? "[%d, 2]" : "[1, 2, 2]";
    String stride = strides.formatted(kernel[0] == 1 ? 1 : 2);
    String none = "[" + "0, ".repeat(rank - 1) + "0]";
    String ones = "[" + "1, ".repeat(rank - 1) + "1]";
    String call = "torch.relu(torch.conv%dd(x, self.w, None, %s, %s, %s, 1))";
    String maps = call.formatted(rank, stride, none, ones);
    return ScriptedModels.script(
            "Net" + rank,
            """
            def forward(self, x: Tensor) -> Tensor:
                y = self.second.forward(self.first.forward(x))
                return 40. * torch.matmul(torch.mean(torch.flatten(y, 2), 2), self.fc)
            """)
        .child("first", layer("First", "10. * " + maps).weight("w", first))
        .child("second", layer("Second", maps).weight("w", second))
        .weight("fc", 12, 5);
  }

  private static ScriptedModels.Script layer(String type, String expression) {
    return ScriptedModels.script(
        type, "def forward(self, x: Tensor) -> Tensor:\n    return " + expression + "\n");
  }

  private static long[] concat(long[] first, long[] second) {
    long[] all = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, all, first.length, second.length);
    return all;
  }

  private static Explainer explainer(String method, HookedModel model) {
    ScoreCam.Builder cam = ScoreCam.on(model).layer("first").recipe(Recipe.TORCHCAM);
    return switch (method) {
      case "aligned" -> cam.recipe(Recipe.PYTORCH_GRAD_CAM).build();
      case "haofanwang" -> cam.recipe(Recipe.HAOFANWANG).build();
      case "gradient" -> cam.channels(ChannelSelection.topGradient(3)).build();
      case "tensor" -> cam.masker(new TensorMasker()).build();
      case "noise" -> cam.sampling(MaskSampling.noise(3, 0.5, 1)).build();
      case "fused" -> cam.layer("second").build();
      case "grad" -> gradients(model, GradientCam.Method.GRAD);
      case "grad++" -> gradients(model, GradientCam.Method.GRAD_PLUS_PLUS);
      case "layer" -> gradients(model, GradientCam.Method.LAYER);
      case "ablation" -> FeatureCam.on(model, FeatureCam.Method.ABLATION).layer("first").build();
      case "recipro" -> FeatureCam.on(model, FeatureCam.Method.RECIPRO).layer("first").build();
      default -> cam.build();
    };
  }

  private static Explainer gradients(HookedModel model, GradientCam.Method method) {
    return GradientCam.on(model, method).layer("first").layer("second").build();
  }

  private void assertSame(
      String method,
      ScriptedModels.Script one,
      long[] shape,
      ScriptedModels.Script other,
      long... otherShape) {
    List<Target> targets = List.of(Target.ofClass(1), Target.top1());
    try (HookedModel picture = one.load(folder);
        HookedModel ranked = other.load(folder);
        Explainer ofPicture = explainer(method, picture);
        Explainer ofRanked = explainer(method, ranked);
        Tensor pictures = inputs(shape);
        Tensor others = inputs(otherShape)) {
      List<Saliency> expected = ofPicture.explainBatch(pictures, targets);
      List<Saliency> actual = ofRanked.explainBatch(others, targets);
      for (int i = 0; i < targets.size(); i++) {
        try (Saliency a = expected.get(i);
            Saliency b = actual.get(i)) {
          assertTrue(!a.status().blank());
          assertClose(a.values(), b.values(), TOLERANCE);
          assertEquals(otherShape.length - 2, b.shape().length);
        }
      }
    }
  }

  static List<String> methods() {
    return List.of(
        "score-cam",
        "aligned",
        "haofanwang",
        "gradient",
        "tensor",
        "noise",
        "fused",
        "ablation",
        "recipro",
        "grad",
        "grad++",
        "layer");
  }

  /** A series is a picture of one row. */
  @ParameterizedTest
  @MethodSource("methods")
  void seriesAreExplainedAsPicturesOfOneRow(String method) {
    assertSame(method, network(2, 1, 4), new long[] {2, 2, 1, 64}, network(1, 4), 2, 2, 64);
  }

  /** A volume of one slice is a picture. */
  @ParameterizedTest
  @MethodSource("methods")
  void volumesOfOneSliceAreExplainedAsPictures(String method) {
    assertSame(
        method, network(2, 4, 4), new long[] {2, 2, 20, 24}, network(3, 1, 4, 4), 2, 2, 1, 20, 24);
  }

  @ParameterizedTest
  @CsvSource({"tinyseries, 1", "tinyseries, 7", "tinyvolume, 1", "tinyvolume, 5"})
  void mapsDoNotDependOnTheChunksOrTheBatch(String name, int rows) {
    try (HookedModel model = model(name);
        ScoreCam alone = ScoreCam.on(model).layer("layer3").build();
        ScoreCam together = ScoreCam.on(model).layer("layer3").batch(rows).build();
        NativeScope scope = NativeScope.open()) {
      Tensor one = input(name);
      Tensor batch = one.repeat(concat(new long[] {3}, onesFor(one)));
      batch.select(0, 1).mul_(new Scalar(0.5));
      List<Target> targets = List.of(Target.ofClass(3), Target.top1(), Target.ofClass(0));
      List<Saliency> maps = together.explainBatch(batch, targets);
      for (int i = 0; i < maps.size(); i++) {
        try (Saliency actual = maps.get(i);
            Saliency expected = alone.explain(batch.narrow(0, i, 1), targets.get(i))) {
          assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
        }
      }
    }
  }

  private static long[] onesFor(Tensor tensor) {
    long[] ones = new long[(int) tensor.dim() - 1];
    Arrays.fill(ones, 1);
    return ones;
  }

  @Test
  void warmUpPlansForAnyRank() {
    try (HookedModel model = model("tinyvolume");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").build()) {
      ChunkPlan plan = cam.warmUp(2, 8, 20, 24);
      assertTrue(plan.rows() >= 1);
      assertEquals(5, cam.scorer(2, 8, 20, 24).score(scored(cam)).tensor().size(1));
    }
  }

  private static Tensor scored(ScoreCam cam) {
    return Tensors.inFormat(input("tinyvolume"), cam.scorer(2, 8, 20, 24).memoryFormat());
  }

  @Test
  void saliencyOfASeriesHasOneRow() {
    try (HookedModel model = model("tinyseries");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").build();
        Tensor input = input("tinyseries");
        Saliency map = cam.explain(input, Target.ofClass(3))) {
      assertArrayEquals(new long[] {128}, map.shape());
      assertEquals(1, map.height());
      assertEquals(128, map.width());
      assertEquals(1, map.toArray().length);
      assertArrayEquals(map.values(), map.toArray()[0]);
    }
  }

  @Test
  void saliencyOfAVolumeHasValues() {
    try (HookedModel model = model("tinyvolume");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").build();
        Tensor input = input("tinyvolume");
        Saliency map = cam.explain(input, Target.ofClass(3))) {
      assertArrayEquals(new long[] {8, 20, 24}, map.shape());
      assertEquals(20, map.height());
      assertEquals(24, map.width());
      assertEquals(8 * 20 * 24, map.values().length);
      IllegalStateException refusal = assertThrows(IllegalStateException.class, map::toArray);
      assertTrue(refusal.getMessage().contains("[8, 20, 24]"), refusal.getMessage());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "tinyseries, '[3, 128]', must have the shape",
    "tinyvolume, '[2, 8, 20, 24]', one input must have the shape",
    "tinyseries, '[2, 3, 128]', cannot run",
    "tinyvolume, '[3, 8, 20]', cannot run",
  })
  void otherRanksAreRefused(String name, String shape, String reason) {
    long[] sizes =
        List.of(shape.substring(1, shape.length() - 1).split(", ")).stream()
            .mapToLong(Long::parseLong)
            .toArray();
    try (HookedModel model = model(name);
        ScoreCam cam = ScoreCam.on(model).layer("layer3").build();
        Tensor input = inputs(sizes)) {
      String message =
          assertThrows(InputException.class, () -> cam.explain(input, Target.ofClass(0)))
              .getMessage();
      assertTrue(message.contains(reason), message);
    }
  }

  @Test
  void masksWithoutMemoryAreAClearError() {
    try (HookedModel model = model("tinyvolume");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").masker(new WithoutMemory()).build();
        Tensor input = input("tinyvolume")) {
      String message =
          assertThrows(NativeMemoryException.class, () -> cam.explain(input, Target.ofClass(0)))
              .getMessage();
      assertTrue(
          message.startsWith(
              "not even a chunk of one masked input, of shape [1, 2, 8, 20, 24], fits into the"
                  + " memory of cpu ("),
          message);
    }
  }

  /** Finds no memory for a mask. */
  private static final class WithoutMemory implements Masker {
    private final Masker masker = new TensorMasker();

    @Override
    public Masks prepare(Tensor activations, Tensor image, MaskRule rule) {
      Masks masks = masker.prepare(activations, image, rule);
      return new Masks() {
        @Override
        public ChannelFacts facts() {
          return masks.facts();
        }

        @Override
        public void write(long[] channels, Tensor rows) {
          throw new NativeMemoryException("no memory for the masks");
        }

        @Override
        public void close() {
          masks.close();
        }
      };
    }

    @Override
    public String description() {
      return "none";
    }
  }

  /** Modules in Java, with a convolution of any rank. */
  private static final class JavaNetwork extends Network {
    private final Submodule maps;

    JavaNetwork(Module convolution) {
      maps = child("maps", convolution);
    }

    @Override
    public Tensor forward(Tensor x) {
      return maps.forward(x).relu().flatten(2, -1).mean(2);
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "3"})
  void networksInJavaAreExplained(int rank) {
    Function<Integer, Module> convolution =
        dimensions ->
            dimensions == 1
                ? new Conv1dImpl(2, 6, new LongPointer(new long[] {3}))
                : new Conv3dImpl(2, 6, new LongPointer(3, 3, 3));
    long[] shape = rank == 1 ? new long[] {1, 2, 40} : new long[] {1, 2, 8, 10, 12};
    Network network;
    torch.manual_seed(1);
    try (NativeScope scope = NativeScope.open()) {
      network = scope.keep(new JavaNetwork(convolution.apply(rank)));
    }
    try (ModuleModel model = ModuleModel.of(network, Device.cpu());
        ScoreCam cam = ScoreCam.on(model).layer("maps").build();
        Tensor input = inputs(shape);
        Saliency map = cam.explain(input, Target.ofClass(2))) {
      assertArrayEquals(Tensors.extentsOf(input.select(0, 0)), map.shape());
      assertTrue(!map.status().blank());
    }
  }
}
