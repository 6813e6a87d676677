package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModelOutput;
import org.scorecam.runtime.LibTorchSettings;

/**
 * Native memory is freed by whoever made it and not by the garbage collector. That failures leave
 * nothing behind either is in the tests of the failures.
 */
class NativeMemoryTest {
  private static final double GROWTH_LIMIT = 0.02;
  private static final int HEAP_MIB = 256;
  private static final long KIB_PER_MIB = 1024;

  static List<Recipe> recipes() {
    return Recipe.published();
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void anExplanationLeavesNothingBehind(Recipe recipe) {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam = ScoreCam.on(model).layer("layer3").recipe(recipe).batch(20).build()) {
      NativeObjects.assertNoneLeftBy(
          () -> {
            try (Saliency saliency = cam.explain(input, Target.top1())) {
              saliency.toArray();
              saliency.pointer().close();
            }
          });
    }
  }

  @Test
  void batchesOverSeveralLayersLeaveNothingBehind() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor inputs = Goldens.tensor("tinyresnet.batch.input.npy");
        ScoreCam cam = ScoreCam.on(model).layers("layer2", "layer3").batch(2).build()) {
      List<Target> targets = List.of(Target.ofClass(3), Target.top1(), Target.ofClass(0));
      NativeObjects.assertNoneLeftBy(
          () -> cam.explainBatch(inputs, targets).forEach(Saliency::close));
    }
  }

  @Test
  void dictsAndTuplesLeaveNothingBehind() {
    try (HookedModel seg = Goldens.model("tinyseg_script.pt");
        HookedModel heads = Goldens.model("tinytwohead_script.pt");
        Tensor input = Goldens.tensor("tinyseg.input.npy");
        ScoreCam dict = ScoreCam.on(seg).layer("backbone").build();
        ScoreCam tuple = ScoreCam.on(heads).layer("body.layer3").build()) {
      NativeObjects.assertNoneLeftBy(
          () -> dict.explain(input, Target.meanOf(2).from("out")).close());
      NativeObjects.assertNoneLeftBy(() -> tuple.explain(input, Target.ofClass(2).from(1)).close());
    }
  }

  @Test
  void modelsHooksAndLayerListsLeaveNothingBehind() {
    try (Tensor input = Goldens.tensor("tinydead.input.npy")) {
      NativeObjects.assertNoneLeftBy(
          () -> {
            try (HookedModel model = Goldens.model("tinydead_script.pt")) {
              model.registerForwardHook("relu", (layer, output) -> output.sum().close());
              try (ModelOutput output = model.forward(input)) {
                output.describe();
              }
              model.layers();
              model.scorer().score(input).close();
            }
          });
    }
  }

  @Test
  void residentMemoryDoesNotGrow() throws IOException, InterruptedException {
    Assumptions.assumeTrue(
        Files.isReadable(Path.of("/proc/self/statm")),
        "resident memory is read from /proc, which this system does not have");
    // The whole Java heap is there from the start: how far the collector lets it fill is not ours.
    List<Long> resident =
        runMemoryCheck("-Xmx" + HEAP_MIB + "m", "-Xms" + HEAP_MIB + "m", "-XX:+AlwaysPreTouch");
    long after100 = resident.get(0) - HEAP_MIB * KIB_PER_MIB;
    long after300 = resident.get(1) - HEAP_MIB * KIB_PER_MIB;
    double growth = (double) (after300 - after100) / after100;
    System.out.printf(
        "resident beside the Java heap: %d KiB after 100 explanations, %d KiB after 300 (%+.2f %%)%n",
        after100, after300, 100 * growth);
    assertTrue(
        Math.abs(growth) < GROWTH_LIMIT,
        "resident memory beside the Java heap went from %d to %d KiB"
            .formatted(after100, after300));
  }

  /** Runs {@link MemoryCheck} in a Java machine of its own; the numbers that it prints. */
  private static List<Long> runMemoryCheck(String... options)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(options));
    command.add(
        "-D" + LibTorchSettings.THREADS + "=" + Integer.getInteger(LibTorchSettings.THREADS, 1));
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(MemoryCheck.class.getName());
    Path printed = Files.createTempFile("memory-check", ".txt");
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(printed.toFile())
              .start();
      boolean ended = process.waitFor(5, TimeUnit.MINUTES);
      process.destroyForcibly();
      String text = Files.readString(printed, StandardCharsets.UTF_8);
      assertTrue(ended, "the memory check did not end; it printed " + text);
      assertEquals(0, process.exitValue(), text);
      // The rest is LibTorch's and our own log.
      return text.lines().filter(line -> line.matches("\\d+")).map(Long::valueOf).toList();
    } finally {
      Files.delete(printed);
    }
  }
}
