package org.scorecam.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Saliency;
import org.scorecam.SaliencyStatus;
import org.scorecam.ScoreCam;
import org.scorecam.image.Heatmap;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;
import org.scorecam.model.HookedModel;
import org.scorecam.pipeline.Explained;
import org.scorecam.pipeline.Pipeline;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "explain",
    description = "Explains pictures or a tensor: writes saliency maps, heatmaps and overlays.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ExplainCommand implements Runnable {
  private static final double NANOSECONDS = 1e9;

  @Spec private CommandSpec spec;

  @Mixin private ModelOptions model;

  @Mixin private MethodOptions method;

  @Mixin private InputOptions input;

  @Mixin private PictureOptions pictures;

  @Mixin private TargetOptions target;

  @Option(
      names = "--labels",
      paramLabel = "FILE",
      description = "Names of the classes, one a line.")
  private Path labelFile;

  @Mixin private OutputOptions output;

  private final TerminalProgress progress = new TerminalProgress("masked inputs");

  private final Report report = new Report();

  private Labels labels;

  @Override
  public void run() {
    if (input.tensor() != null && output.overlay() != null) {
      throw new ParameterException(
          spec.commandLine(), "--out needs --image: a tensor has no picture to draw over");
    }
    output.weightsUnlessGiven(model.channelWeights());
    if (method.fuses() && output.weights() != null) {
      throw new ParameterException(
          spec.commandLine(), "--weights needs one --layer: a fused map has no channel weights");
    }
    method.requireDifferentLayers();
    output.requireFolders();
    labels = labelFile == null ? Labels.NONE : Labels.read(labelFile);
    if (input.tensor() == null) {
      try (Replicas replicas = new Replicas(model, method, progress)) {
        explainPictures(replicas.explainers());
      }
    } else {
      try (HookedModel network = model.load();
          ScoreCam cam = method.scoreCam(network, progress)) {
        explainTensor(cam);
      }
    }
    if (output.json() != null) {
      report.write(output.json());
    }
  }

  private void explainPictures(List<ScoreCam> explainers) {
    Preprocessing preprocessing = pictures.preprocessing();
    List<String> names = input.images().stream().map(Path::toString).toList();
    ResultFiles files = new ResultFiles(output, names);
    Pipeline.on(explainers)
        .preprocessing(preprocessing)
        .target(target.target())
        .failFast()
        .build()
        .run(
            input.images(),
            explained -> {
              int i = (int) explained.index();
              Picture picture = explained.picture();
              Saliency saliency = explained.saliency();
              List<Path> written = new ArrayList<>();
              Heatmap heatmap = Heatmap.of(saliency.toArray());
              files.writeOverlay(i, heatmap, picture, preprocessing.regionOf(picture), written);
              files.writeHeatmap(i, heatmap, sizeOf(explained), written);
              files.writeMaps(i, List.of(saliency), written);
              files.writeWeights(i, List.of(saliency), written);
              tell(names.get(i), saliency, explained.seconds(), written);
            });
  }

  private static Size sizeOf(Explained explained) {
    return new Size(explained.inputWidth(), explained.inputHeight());
  }

  private void explainTensor(ScoreCam cam) {
    try (Tensor inputs = InputTensor.read(input.tensor())) {
      int count = (int) inputs.size(0);
      long start = System.nanoTime();
      List<Saliency> saliencies =
          cam.explainBatch(inputs, Collections.nCopies(count, target.target()));
      double seconds = (System.nanoTime() - start) / NANOSECONDS / count;
      try {
        List<String> names = IntStream.range(0, count).mapToObj(Integer::toString).toList();
        ResultFiles files = new ResultFiles(output, names);
        Size size = new Size((int) inputs.size(3), (int) inputs.size(2));
        List<Path> shared = new ArrayList<>();
        files.writeMaps(ResultFiles.SHARED, saliencies, shared);
        files.writeWeights(ResultFiles.SHARED, saliencies, shared);
        for (int i = 0; i < count; i++) {
          List<Path> written = new ArrayList<>(shared);
          Saliency saliency = saliencies.get(i);
          files.writeHeatmap(i, Heatmap.of(saliency.toArray()), size, written);
          tell(input.tensor() + (count == 1 ? "" : "[" + i + "]"), saliency, seconds, written);
        }
      } finally {
        saliencies.forEach(Saliency::close);
      }
    }
  }

  private void tell(String name, Saliency saliency, double seconds, List<Path> written) {
    String label = labels.of(saliency.target().classIndex());
    SaliencyStatus status = saliency.status();
    PrintWriter out = spec.commandLine().getOut();
    progress.clear();
    out.printf(
        "%s: %s%s, score %.4f; %s, %d of %d channels in %d passes%s of %s, %.2f s%s%s%n",
        name,
        saliency.target(),
        label == null ? "" : " (" + label + ")",
        saliency.referenceScore(),
        saliency.layer(),
        status.scoredChannels(),
        status.channels(),
        status.passes(),
        status.savedPasses() == 0 ? "" : " (%d saved)".formatted(status.savedPasses()),
        saliency.plan().precision(),
        seconds,
        status.blank() ? "; the map is blank: no place spoke for the target" : "",
        status.sawNonFinite() ? "; NaN or infinities were seen and left out" : "");
    written.forEach(file -> out.println("  " + file));
    report.add(name, saliency, label, seconds, written);
  }
}
