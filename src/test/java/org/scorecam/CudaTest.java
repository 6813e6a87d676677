package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.scorecam.Goldens.assertClose;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.global.torch_cuda;
import org.bytedeco.pytorch.global.torch_cuda.SyncDebugMode;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.error.DeviceException;
import org.scorecam.error.PrecisionException;
import org.scorecam.image.Interpolation;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.MaskSampling;
import org.scorecam.mask.TensorMasker;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModuleModel;
import org.scorecam.model.Precision;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;
import org.scorecam.nn.TestNetworks;
import org.scorecam.pipeline.Pipeline;
import org.scorecam.pipeline.Source;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.tensor.Dlpack;
import org.scorecam.tensor.NativeArray;
import org.scorecam.tensor.Tensors;
import org.scorecam.zoo.Zoo;
import org.scorecam.zoo.ZooFormula;
import org.scorecam.zoo.ZooOptions;

/**
 * The same on a CUDA device as on the CPU; skipped where there is none. With {@code
 * -Dscorecam.test.device=cpu} the CPU is compared with itself, which shows what is wrong with the
 * tests.
 */
class CudaTest {
  private static final Device DEVICE =
      Device.parse(System.getProperty("scorecam.test.device", "cuda:0"));

  private static final boolean ON_CUDA = DEVICE.type() == Device.Type.CUDA;
  private static final double TOLERANCE = 1e-4;
  private static final double LEAST_CORRELATION = 0.99;

  @TempDir Path folder;

  /** How a network is explained. */
  private record Way(String name, Function<HookedModel, Explainer> on) {
    static Way scoreCam(String name, Function<ScoreCam.Builder, ScoreCam.Builder> changed) {
      return new Way(name, model -> changed.apply(ScoreCam.on(model).layer("layer3")).build());
    }

    static Way featureCam(FeatureCam.Method method) {
      return new Way(
          method.toString(), model -> FeatureCam.on(model, method).layer("layer3").build());
    }

    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Way> ways() {
    return Stream.concat(
        Recipe.published().stream()
            .map(recipe -> Way.scoreCam(recipe.name(), cam -> cam.recipe(recipe))),
        Stream.of(
            Way.scoreCam("LibTorch's operations", cam -> cam.masker(new TensorMasker())),
            Way.scoreCam("one wait", cam -> cam.sharedPasses(false)),
            Way.scoreCam("shared passes", cam -> cam.sharedPasses(true)),
            Way.scoreCam("chunks of 3", cam -> cam.batch(3)),
            Way.scoreCam("max:8", cam -> cam.channels(ChannelSelection.topMax(8))),
            Way.scoreCam("std:8", cam -> cam.channels(ChannelSelection.topStd(8))),
            Way.scoreCam("gradient:8", cam -> cam.channels(ChannelSelection.topGradient(8))),
            Way.scoreCam("adaptive", cam -> cam.channels(ChannelSelection.adaptive())),
            Way.scoreCam("is-cam", cam -> cam.sampling(MaskSampling.scaled(4))),
            new Way(
                "CUDA graphs",
                model ->
                    ScoreCam.on(model)
                        .layer("layer3")
                        .batch(4)
                        .cudaGraphs(model.device().type() == Device.Type.CUDA)
                        .build()),
            Way.featureCam(FeatureCam.Method.ABLATION),
            Way.featureCam(FeatureCam.Method.RECIPRO)));
  }

  @BeforeEach
  void needCuda() {
    assumeTrue(
        !ON_CUDA || Device.cudaCount() > 0,
        "no CUDA device, or LibTorch is built without CUDA (-Pgpu)");
  }

  private static HookedModel resnetOn(Device device) {
    return TorchScriptModel.load(Goldens.file("tinyresnet_script.pt"), device);
  }

  private static Tensor batch() {
    return Goldens.tensor("tinyresnet.batch.input.npy");
  }

  private static void assertOnDevice(Tensor tensor) {
    assertEquals(ON_CUDA, tensor.is_cuda(), "the device of the result");
  }

  private static void assertSame(Saliency expected, Saliency actual) {
    assertOnDevice(actual.tensor());
    assertFalse(expected.status().blank());
    assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
    assertEquals(expected.status().scoredChannels(), actual.status().scoredChannels());
    assertEquals(expected.target().toString(), actual.target().toString());
    assertEquals(expected.referenceScore(), actual.referenceScore(), TOLERANCE);
  }

  private static void assertSame(List<List<Saliency>> expected, List<List<Saliency>> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      for (int t = 0; t < expected.get(i).size(); t++) {
        try (Saliency one = expected.get(i).get(t);
            Saliency other = actual.get(i).get(t)) {
          assertSame(one, other);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void mapsOfABatchAreThoseOfTheProcessor(Way way) {
    try (HookedModel onCpu = resnetOn(Device.cpu());
        HookedModel onDevice = resnetOn(DEVICE);
        Tensor inputs = batch();
        Explainer cpu = way.on.apply(onCpu);
        Explainer device = way.on.apply(onDevice)) {
      List<List<Target>> targets =
          Collections.nCopies((int) inputs.size(0), List.of(Target.top1(), Target.ofClass(3)));
      assertSame(
          cpu.explainBatchTargets(inputs, targets), device.explainBatchTargets(inputs, targets));
    }
  }

  static List<Goldens.Case> goldens() throws IOException {
    return Goldens.cases();
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void mapsAreThePublishedOnes(Goldens.Case golden) {
    try (HookedModel model = TorchScriptModel.load(golden.path("model"), DEVICE);
        Tensor input = Goldens.tensor(golden.text("input"));
        Tensor expected = Goldens.tensor(golden.text("map"));
        ScoreCam cam =
            ScoreCam.on(model)
                .layer(golden.text("layer"))
                .recipe(golden.recipe())
                .channels(golden.channels())
                .build();
        Saliency actual = cam.explain(input.narrow(0, 0, 1), golden.target())) {
      assertClose(expected, actual.tensor(), TOLERANCE);
    }
  }

  @Test
  void randomMasksShowTheSame() {
    Way noise = Way.scoreCam("ss-cam", cam -> cam.sampling(MaskSampling.noise(8, 0.5, 3)));
    try (HookedModel onCpu = resnetOn(Device.cpu());
        HookedModel onDevice = resnetOn(DEVICE);
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Explainer cpu = noise.on.apply(onCpu);
        Explainer device = noise.on.apply(onDevice);
        Saliency expected = cpu.explain(input, Target.ofClass(3));
        Saliency actual = device.explain(input, Target.ofClass(3))) {
      // Another generator draws other numbers.
      assertCorrelates(expected, actual, 0.9);
    }
  }

  @Test
  void severalLayersAreThoseOfTheProcessor() {
    try (HookedModel onCpu = resnetOn(Device.cpu());
        HookedModel onDevice = resnetOn(DEVICE);
        Tensor inputs = batch();
        ScoreCam cpu = ScoreCam.on(onCpu).layers("layer2", "layer3").build();
        ScoreCam device = ScoreCam.on(onDevice).layers("layer2", "layer3").build()) {
      List<Target> targets = Collections.nCopies((int) inputs.size(0), Target.ofClass(5));
      assertSame(
          cpu.explainBatchLayers(inputs, targets), device.explainBatchLayers(inputs, targets));
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void mapsOfEachPrecisionAreAlike(Precision precision) {
    try (HookedModel onCpu = resnetOn(Device.cpu());
        HookedModel onDevice = resnetOn(DEVICE);
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cpu = ScoreCam.on(onCpu).layer("layer3").build();
        ScoreCam device = ScoreCam.on(onDevice).layer("layer3").precision(precision).build()) {
      if (precision == Precision.TF32 && !ON_CUDA) {
        assertThrows(PrecisionException.class, () -> device.explain(input, Target.top1()));
        return;
      }
      try (Saliency expected = cpu.explain(input, Target.ofClass(3));
          Saliency actual = device.explain(input, Target.ofClass(3))) {
        assertCorrelates(expected, actual, LEAST_CORRELATION);
        boolean told =
            actual.plan().notes().stream().anyMatch(note -> note.startsWith("float32 was used"));
        assertEquals(told ? Precision.FLOAT32 : precision, actual.plan().precision());
      }
    }
  }

  private static void assertCorrelates(Saliency expected, Saliency actual, double least) {
    MapAgreement agreement =
        MapAgreement.of(Tensors.toArray(expected.tensor()), Tensors.toArray(actual.tensor()));
    assertTrue(agreement.correlation() >= least, agreement.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"resnet18", "mobilenet_v2", "densenet121", "swin_t"})
  void networksInJavaAreExplained(String name) {
    try (ModuleModel onCpu = filled(name, Device.cpu());
        ModuleModel onDevice = filled(name, DEVICE);
        Tensor images = ZooFormula.images(64);
        ScoreCam cpu = ScoreCam.on(onCpu).channels(ChannelSelection.topMax(16)).build();
        ScoreCam device = ScoreCam.on(onDevice).channels(ChannelSelection.topMax(16)).build()) {
      List<List<Target>> targets =
          Collections.nCopies((int) images.size(0), List.of(Target.ofClass(1)));
      assertSame(
          cpu.explainBatchTargets(images, targets), device.explainBatchTargets(images, targets));
    }
  }

  private static ModuleModel filled(String name, Device device) {
    Network network = Zoo.create(name, new ZooOptions(10, 3));
    ZooFormula.fill(network, 1);
    return ModuleModel.of(network, device);
  }

  @Test
  void hooksSeeTensorsOnTheDevice() {
    List<float[]> seen = new ArrayList<>();
    try (HookedModel onCpu = resnetOn(Device.cpu());
        HookedModel onDevice = resnetOn(DEVICE);
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      assertEquals(DEVICE, onDevice.device());
      onCpu.registerForwardHook("layer3.1.conv2", (layer, o) -> seen.add(Tensors.toArray(o)));
      onCpu.forward(input).close();
      onDevice.registerForwardHook(
          "layer3.1.conv2",
          (layer, output) -> {
            assertOnDevice(output);
            seen.add(Tensors.toArray(output));
          });
      onDevice.forward(input).close();
      assertClose(seen.get(0), seen.get(1), TOLERANCE);
    }
  }

  @Test
  void theCallersStreamIsUsed() {
    assumeTrue(ON_CUDA, "the CPU has no streams");
    try (NativeScope scope = NativeScope.open();
        HookedModel model = resnetOn(DEVICE);
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").build();
        Saliency expected = cam.explain(input, Target.ofClass(3))) {
      byte index = (byte) DEVICE.index();
      CUDAStream usual = torch_cuda.getCurrentCUDAStream(index);
      torch_cuda.setCurrentCUDAStream(torch_cuda.getStreamFromPool(false, index));
      try (Saliency actual = cam.explain(input, Target.ofClass(3))) {
        assertSame(expected, actual);
      } finally {
        torch_cuda.setCurrentCUDAStream(usual);
      }
    }
  }

  /**
   * From the first chunk's end to the last one's, LibTorch is told to fail where it would have the
   * host wait for a stream.
   */
  @Test
  void nobodyWaitsBetweenChunks() {
    assumeTrue(ON_CUDA, "the CPU has no streams");
    try (HookedModel model = resnetOn(DEVICE);
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam usual = ScoreCam.on(model).layer("layer3").batch(4).build();
        ScoreCam watched =
            ScoreCam.on(model)
                .layer("layer3")
                .batch(4)
                .progress(CudaTest::forbidWaitingUntilTheLast)
                .build();
        Saliency expected = usual.explain(input, Target.ofClass(3))) {
      watched.warmUp(input.size(1), input.size(2), input.size(3));
      try (Saliency actual = watched.explain(input, Target.ofClass(3))) {
        assertSame(expected, actual);
      } finally {
        torch_cuda.warning_state().set_sync_debug_mode(SyncDebugMode.L_DISABLED);
      }
    }
  }

  private static void forbidWaitingUntilTheLast(long scored, long total) {
    torch_cuda
        .warning_state()
        .set_sync_debug_mode(scored < total ? SyncDebugMode.L_ERROR : SyncDebugMode.L_DISABLED);
  }

  /**
   * LibTorch is told to fail at the first wait for a stream, which must come after the last chunk.
   */
  @Test
  void theOnlyWaitIsForTheResult() {
    assumeTrue(ON_CUDA, "the CPU has no streams");
    long[] left = {-1};
    try (HookedModel model = resnetOn(DEVICE);
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam =
            ScoreCam.on(model)
                .layer("layer3")
                .batch(4)
                .sharedPasses(false)
                .progress((scored, total) -> left[0] = total - scored)
                .build()) {
      cam.explain(input, Target.top1()).close();
      left[0] = -1;
      torch_cuda.warning_state().set_sync_debug_mode(SyncDebugMode.L_ERROR);
      assertThrows(RuntimeException.class, () -> cam.explain(input, Target.top1()));
      assertEquals(0, left[0], "passes that were left at the first wait");
    } finally {
      torch_cuda.warning_state().set_sync_debug_mode(SyncDebugMode.L_DISABLED);
    }
  }

  /** On a second stream and in a second thread as well. */
  @Test
  void graphsAreReplayedWithTheMapsOfEachPrecision() throws Exception {
    assumeTrue(ON_CUDA, "the CPU has no graphs");
    byte index = (byte) DEVICE.index();
    ExecutorService other = Executors.newSingleThreadExecutor();
    try (HookedModel model = resnetOn(DEVICE);
        Tensor inputs = batch()) {
      for (Precision precision : Precision.values()) {
        try (ScoreCam usual = ScoreCam.on(model).layer("layer3").precision(precision).build();
            ScoreCam replaying =
                ScoreCam.on(model)
                    .layer("layer3")
                    .batch(8)
                    .precision(precision)
                    .cudaGraphs(true)
                    .build()) {
          for (int i = 0; i < 2; i++) {
            float[] expected = mapOf(usual, inputs, i);
            int one = i;
            assertAlike(expected, mapOf(replaying, inputs, i), precision);
            CUDAStream before = torch_cuda.getCurrentCUDAStream(index);
            torch_cuda.setCurrentCUDAStream(torch_cuda.getStreamFromPool(false, index));
            try {
              assertAlike(expected, mapOf(replaying, inputs, i), precision);
            } finally {
              torch_cuda.setCurrentCUDAStream(before);
            }
            float[] theirs = other.submit(() -> mapOf(replaying, inputs, one)).get();
            assertAlike(expected, theirs, precision);
          }
          try (Tensor one = inputs.narrow(0, 0, 1);
              Saliency map = replaying.explain(one, Target.ofClass(0))) {
            assertFalse(
                map.plan().notes().stream().anyMatch(note -> note.contains("CUDA graphs")),
                map.plan().notes().toString());
          }
        }
      }
    } finally {
      other.shutdownNow();
    }
  }

  private static void assertAlike(float[] expected, float[] actual, Precision precision) {
    double least = precision == Precision.FLOAT32 ? 1 - TOLERANCE : LEAST_CORRELATION;
    MapAgreement agreement = MapAgreement.of(expected, actual);
    assertTrue(agreement.correlation() >= least, precision + ": " + agreement);
  }

  /** After a failure LibTorch's allocator, its random numbers and further recordings must work. */
  @Test
  void aNetworkThatWaitsIsRunAsItIs() {
    try (ModuleModel onCpu = ModuleModel.of(new Waiting(), Device.cpu());
        ModuleModel onDevice = ModuleModel.of(new Waiting(), DEVICE);
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cpu = ScoreCam.on(onCpu).layer("maps").build();
        ScoreCam device = ScoreCam.on(onDevice).layer("maps").batch(2).cudaGraphs(ON_CUDA).build();
        Saliency expected = cpu.explain(input, Target.ofClass(1));
        Saliency actual = device.explain(input, Target.ofClass(1))) {
      assertSame(expected, actual);
      assertEquals(
          ON_CUDA,
          actual.plan().notes().stream().anyMatch(note -> note.startsWith("no CUDA graphs")),
          actual.plan().notes().toString());
    }
    DeviceMemory.of(DEVICE).releaseKept();
    try (NativeScope scope = NativeScope.open()) {
      TensorOptions there = new TensorOptions(DEVICE.toTorch());
      Tensor random = torch.empty(new long[] {64}, there, null).uniform_();
      assertTrue(Tensors.toArray(random.sum())[0] > 0);
    }
    try (HookedModel model = resnetOn(DEVICE);
        Tensor inputs = batch();
        ScoreCam usual = ScoreCam.on(model).layer("layer3").build();
        ScoreCam replaying =
            ScoreCam.on(model).layer("layer3").batch(8).cudaGraphs(ON_CUDA).build()) {
      assertClose(mapOf(usual, inputs, 0), mapOf(replaying, inputs, 0), TOLERANCE);
    }
  }

  /** A network whose forward has the host read a value of the device. */
  private static final class Waiting extends Network {
    private final Submodule maps = child("maps", TestNetworks.conv(3, 8));

    private Waiting() {
      ZooFormula.fill(this, 1);
    }

    @Override
    public Tensor forward(Tensor input) {
      Tensor seen = maps.forward(input);
      boolean finite = seen.isfinite().all().item_bool();
      return seen.mean(2, 3).mul(new Scalar(finite ? 1 : 0));
    }
  }

  @Test
  void passesAreSharedOnceItIsSeenToPay() {
    assumeTrue(ON_CUDA, "on the CPU they are shared from the start");
    try (HookedModel model = TorchScriptModel.load(Goldens.file("tinydead_script.pt"), DEVICE);
        Tensor input = Goldens.tensor("tinydead.input.npy");
        ScoreCam cam = ScoreCam.on(model).layer("relu").build();
        Saliency first = cam.explain(input, Target.ofClass(1));
        Saliency second = cam.explain(input, Target.ofClass(1))) {
      assertEquals(0, first.status().savedPasses());
      assertTrue(second.status().savedPasses() > 0, second.status().toString());
      assertSame(first, second);
    }
  }

  @Test
  void twoThreadsGetTheMapsOfOne() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(2);
    try (HookedModel model = resnetOn(DEVICE);
        Tensor inputs = batch();
        ScoreCam cam = ScoreCam.on(model).layer("layer3").batch(8).build()) {
      List<float[]> expected = new ArrayList<>();
      for (int target = 0; target < 2; target++) {
        expected.add(mapOf(cam, inputs, target));
      }
      for (int round = 0; round < 8; round++) {
        List<Future<float[]>> running = new ArrayList<>();
        for (int target = 0; target < 2; target++) {
          int chosen = target;
          running.add(pool.submit(() -> mapOf(cam, inputs, chosen)));
        }
        for (int target = 0; target < 2; target++) {
          assertClose(expected.get(target), running.get(target).get(), TOLERANCE);
        }
      }
    } finally {
      pool.shutdownNow();
    }
  }

  private static float[] mapOf(ScoreCam cam, Tensor inputs, int target) {
    try (Tensor one = inputs.narrow(0, target, 1);
        Saliency map = cam.explain(one, Target.ofClass(target))) {
      return Tensors.toArray(map.tensor());
    }
  }

  @Test
  void aPipelineGivesTheMapsOfTheProcessor() {
    byte[] pixels = new byte[3 * 40 * 40];
    List<Source> sources =
        IntStream.range(0, 9)
            .mapToObj(
                i -> {
                  for (int p = 0; p < pixels.length; p++) {
                    pixels[p] = (byte) (Math.sin(p * 0.11 + i) * 100 + 128);
                  }
                  Picture picture = Picture.of(40, 40, pixels.clone());
                  return new Source("picture " + i, () -> picture);
                })
            .toList();
    List<float[]> expected = mapsOf(sources, Device.cpu());
    List<float[]> actual = mapsOf(sources, DEVICE);
    assertEquals(sources.size(), expected.size());
    for (int i = 0; i < expected.size(); i++) {
      assertClose(expected.get(i), actual.get(i), TOLERANCE);
    }
  }

  private static List<float[]> mapsOf(List<Source> sources, Device device) {
    List<float[]> maps = new ArrayList<>();
    try (HookedModel model = resnetOn(device);
        ScoreCam cam =
            ScoreCam.on(model).layer("layer3").channels(ChannelSelection.topMax(8)).build()) {
      Pipeline.on(cam)
          .preprocessing(Preprocessing.imagenet().stretch(32, 32, Interpolation.BILINEAR))
          .target(Target.ofClass(4))
          .build()
          .runSources(
              sources, explained -> maps.add(Tensors.toArray(explained.saliency().tensor())));
    }
    return maps;
  }

  /** Fills the device but for a little, so that the chunks that were planned do not fit. */
  @Test
  void aFullDeviceMakesChunksSmaller() {
    assumeTrue(ON_CUDA, "filling the memory of this machine would end the process");
    DeviceMemory memory = DeviceMemory.of(DEVICE);
    try (HookedModel model = resnetOn(DEVICE);
        Tensor small = batch().narrow(0, 0, 1);
        Tensor input = torch.upsample_nearest2d(small, 512, 512);
        ScoreCam cam = ScoreCam.on(model).layer("layer3").batch(64).build();
        Saliency expected = cam.explain(input, Target.ofClass(3))) {
      assertEquals(64, expected.plan().rows());
      memory.releaseKept();
      long left = 256L << 20;
      long taken = memory.available().orElseThrow() - left;
      try (NativeScope scope = NativeScope.open()) {
        Tensor filling =
            torch.empty(
                new long[] {taken},
                new TensorOptions(ScalarType.Byte).device(new DeviceOptional(DEVICE.toTorch())),
                null);
        assertEquals(taken, filling.numel());
        try (Saliency actual = cam.explain(input, Target.ofClass(3))) {
          assertTrue(actual.plan().rows() < 64, actual.plan().toString());
          assertEquals(ChunkPlan.Basis.REDUCED, actual.plan().basis());
          assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Dlpack.class)
  void mapsGoToNeighboursWithoutACopy(Dlpack form) {
    try (HookedModel model = resnetOn(DEVICE);
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").build();
        Saliency map = cam.explain(input, Target.ofClass(3));
        Tensor neighbours = form.take(form.export(map.tensor()));
        Tensor byAddress = NativeArray.of(map.tensor()).asTensor()) {
      for (Tensor same : List.of(neighbours, byAddress)) {
        assertOnDevice(same);
        assertEquals(map.tensor().data_ptr().address(), same.data_ptr().address());
        assertTrue(Arrays.equals(Tensors.toArray(map.tensor()), Tensors.toArray(same)));
      }
    }
  }

  @Test
  void inputsMayLieOnTheDevice() {
    try (HookedModel model = resnetOn(DEVICE);
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        NativeScope scope = NativeScope.open();
        ScoreCam cam = ScoreCam.on(model).layer("layer3").build();
        Saliency expected = cam.explain(input, Target.ofClass(3));
        Saliency actual =
            cam.explain(input.to(DEVICE.toTorch(), ScalarType.Float), Target.ofClass(3))) {
      assertSame(expected, actual);
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void explanationsLeaveNothingBehind(Way way) {
    try (HookedModel model = resnetOn(DEVICE);
        Tensor inputs = batch();
        Tensor input = inputs.narrow(0, 0, 1);
        Explainer explainer = way.on.apply(model)) {
      List<List<Target>> targets = List.of(List.of(Target.top1()));
      NativeObjects.assertNoneLeftBy(
          () -> explainer.explainBatchTargets(input, targets).get(0).forEach(Saliency::close));
    }
  }

  @Test
  void aDeviceBeyondTheLastOneIsRefused() {
    Device beyond = Device.cuda(Device.cudaCount());
    String message = assertThrows(DeviceException.class, () -> resnetOn(beyond)).getMessage();
    assertTrue(message.contains("cuda:0"), message);
  }
}
