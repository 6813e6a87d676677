package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.scorecam.Explainer;
import org.scorecam.Goldens;
import org.scorecam.ProgressListener;
import org.scorecam.Saliency;
import org.scorecam.Target;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** What is shown of explainers that work side by side. */
class SummedProgressTest {
  private final List<String> told = new ArrayList<>();
  private final SummedProgress progress =
      new SummedProgress((scored, total) -> told.add(scored + "/" + total));
  private final ProgressListener first = progress.addPart();
  private final ProgressListener second = progress.addPart();

  @Test
  void oneAloneIsToldAsItIs() {
    for (int explanation = 0; explanation < 2; explanation++) {
      first.onProgress(4, 8);
      first.onProgress(8, 8);
    }
    assertEquals(List.of("4/8", "8/8", "4/8", "8/8"), told);
  }

  @Test
  void whatIsOverStaysCountedUntilAllIs() {
    first.onProgress(4, 8);
    second.onProgress(2, 6);
    first.onProgress(8, 8);
    first.onProgress(4, 8);
    second.onProgress(6, 6);
    first.onProgress(8, 8);
    second.onProgress(3, 6);
    assertEquals(List.of("4/8", "6/14", "10/14", "14/22", "18/22", "22/22", "3/6"), told);
  }

  @Test
  void whatBrokeOffIsNotCounted() {
    first.onProgress(4, 8);
    second.onProgress(2, 6);
    first.onProgress(1, 3);
    first.onProgress(3, 3);
    second.onProgress(6, 6);
    assertEquals(List.of("4/8", "6/14", "3/9", "5/9", "9/9"), told);
  }

  @Command
  private static final class Options {
    @Mixin private ModelOptions model;

    @Mixin private MethodOptions method;
  }

  @Test
  void replicasAreToldTogether() {
    Options options = new Options();
    new CommandLine(options)
        .parseArgs(
            "--model",
            Goldens.file("tinyresnet_script.pt").toString(),
            "--layer",
            "layer3",
            "--batch",
            "16",
            "--device",
            "cpu,cpu");
    List<Explainer> explainers = new ArrayList<>();
    ProgressListener listener =
        (scored, total) -> {
          told.add(scored + "/" + total);
          if (told.size() == 1) {
            explain(explainers.get(1)); // All of it between the first's chunks.
          }
        };
    try (Replicas replicas = new Replicas(options.model, options.method, listener)) {
      explainers.addAll(replicas.explainers());
      explain(explainers.get(0));
    }
    assertEquals(
        List.of("16/64", "32/128", "48/128", "64/128", "80/128", "96/128", "112/128", "128/128"),
        told);
  }

  private static void explain(Explainer cam) {
    try (Tensor input = Goldens.tensor("tinyresnet.input.npy");
        Saliency saliency = cam.explain(input, Target.ofClass(3))) {
      assertEquals(64, saliency.status().passes());
    }
  }
}
