package org.scorecam.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Explainer;
import org.scorecam.Saliency;
import org.scorecam.SaliencyStatus;
import org.scorecam.Target;
import org.scorecam.image.Heatmap;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;
import org.scorecam.model.HookedModel;
import org.scorecam.pipeline.Explained;
import org.scorecam.pipeline.Pipeline;
import org.scorecam.pipeline.Source;
import org.scorecam.runtime.Findings;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "explain",
    description = "Explains pictures or a tensor; writes saliency maps, heatmaps and overlays.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ExplainCommand implements Callable<Integer> {
  private static final double NANOSECONDS = 1e9;
  private static final double PER_CENT = 100;

  @Spec private CommandSpec spec;

  @Mixin private ModelOptions model;

  @Mixin private MethodOptions method;

  @Mixin private InputOptions input;

  @Mixin private PictureOptions pictures;

  @Mixin private TargetOptions target;

  @Option(
      names = "--labels",
      paramLabel = "FILE",
      description = "Names of the classes, one per line, starting with class 0.")
  private Path labelFile;

  @Option(
      names = "--no-cache",
      description =
          "Try anew how this machine runs the network fastest; by default that is remembered in"
              + " ~/.cache/scorecam.")
  private boolean noCache;

  @Mixin private OutputOptions output;

  private final TerminalProgress progress = new TerminalProgress("masked inputs");

  private final Report report = new Report();

  private Labels labels;

  private List<Target> targets;

  private int done;

  private Failures failures;

  @Override
  public Integer call() {
    if (input.tensor() != null && output.overlay() != null) {
      throw new ParameterException(
          spec.commandLine(), "--out needs --image, since a tensor has no picture to draw on");
    }
    if (method.fuses() && output.weights() != null) {
      throw new ParameterException(
          spec.commandLine(),
          "--channel-weights needs a single --layer, since a fused map has no channel weights");
    }
    if (method.smooths() && output.weights() != null) {
      throw new ParameterException(
          spec.commandLine(),
          "--channel-weights does not go with --smooth, since a mean of maps has no channel weights");
    }
    if (!method.hasChannelWeights() && output.weights() != null) {
      throw new ParameterException(
          spec.commandLine(),
          "--channel-weights: channels have no weights with --method " + method.method());
    }
    method.requireDifferentLayers();
    Findings.keepIn(noCache ? Optional.empty() : Findings.usualFolder());
    targets = target.targets();
    failures = new Failures(spec.commandLine(), progress);
    output.requireWritable();
    labels = labelFile == null ? Labels.NONE : Labels.read(labelFile);
    if (input.tensor() == null) {
      List<Path> images = input.images();
      ResultFiles files =
          ResultFiles.ofPictures(output, images, input.isOneImage(), target.fileNames());
      requireNothingOverwritten(files, images);
      List<Source> sources = new ArrayList<>(images.stream().map(Source::of).toList());
      // While the network is loaded.
      sources.set(0, sources.get(0).readAhead());
      try (Replicas replicas = new Replicas(model, method, progress)) {
        explainPictures(replicas.explainers(), sources, files);
      }
    } else {
      try (HookedModel network = model.load();
          Explainer explainer = method.explainer(network, progress)) {
        explainTensor(explainer);
      }
    }
    if (output.json() != null) {
      model.tell(report);
      report.write(output.json());
    }
    return failures.exitCode();
  }

  private void requireNothingOverwritten(ResultFiles files, List<Path> inputs) {
    List<Path> read = new ArrayList<>(inputs);
    Stream.of(model.file(), labelFile).filter(Objects::nonNull).forEach(read::add);
    files
        .findConflict(read)
        .ifPresent(
            conflict -> {
              throw new ParameterException(spec.commandLine(), conflict);
            });
  }

  private void explainPictures(
      List<Explainer> explainers, List<Source> sources, ResultFiles files) {
    Preprocessing preprocessing = pictures.preprocessing();
    Pipeline.Builder pipeline =
        Pipeline.on(explainers).preprocessing(preprocessing).targets(targets);
    if (input.failFast()) {
      pipeline.failFast();
    }
    pipeline
        .build()
        .runSources(
            sources,
            explained -> {
              if (explained.failure().isPresent()) {
                RuntimeException failure = explained.failure().get();
                report.addFailure(
                    explained.name(), failures.add(explained.name(), failure, done > 0));
              } else {
                write(explained, files, preprocessing);
              }
            });
    failures.printCount(sources.size(), "explained");
  }

  private void write(Explained explained, ResultFiles files, Preprocessing preprocessing) {
    int i = (int) explained.index();
    Picture picture = explained.picture();
    List<Saliency> saliencies = explained.saliencies();
    List<Path> shared = new ArrayList<>();
    files.writeMaps(i, saliencies, shared);
    files.writeWeights(i, saliencies, shared);
    for (int t = 0; t < saliencies.size(); t++) {
      Saliency saliency = saliencies.get(t);
      List<Path> written = new ArrayList<>();
      Heatmap heatmap = Heatmap.of(saliency.toArray());
      files.writeOverlay(i, t, heatmap, picture, preprocessing.regionOf(picture), written);
      files.writeHeatmap(i, t, heatmap, sizeOf(explained), written);
      written.addAll(shared);
      tell(explained.name(), saliency, explained.seconds(), written);
    }
    done++;
  }

  private static Size sizeOf(Explained explained) {
    return new Size(explained.inputWidth(), explained.inputHeight());
  }

  private void explainTensor(Explainer explainer) {
    try (Tensor stored = InputTensor.read(input.tensor())) {
      InputTensor.use(stored, input.tensor(), inputs -> explainInputs(explainer, inputs));
    }
  }

  private void explainInputs(Explainer explainer, Tensor inputs) {
    int count = (int) inputs.size(0);
    ResultFiles files = ResultFiles.ofTensor(output, count, target.fileNames());
    requireNothingOverwritten(files, List.of(input.tensor()));
    long start = System.nanoTime();
    List<List<Saliency>> ofInputs =
        explainer.explainBatchTargets(inputs, Collections.nCopies(count, targets));
    double seconds = (System.nanoTime() - start) / NANOSECONDS / count;
    List<Saliency> all = ofInputs.stream().flatMap(List::stream).toList();
    try {
      List<Path> shared = new ArrayList<>();
      files.writeMaps(0, all, shared);
      files.writeWeights(0, all, shared);
      for (int i = 0; i < count; i++) {
        for (int t = 0; t < ofInputs.get(i).size(); t++) {
          List<Path> written = new ArrayList<>(shared);
          Saliency saliency = ofInputs.get(i).get(t);
          try (Tensor one = inputs.select(0, i)) {
            files.writeHeatmap(i, t, saliency, one, written);
          }
          tell(input.tensor() + (count == 1 ? "" : "[" + i + "]"), saliency, seconds, written);
        }
      }
    } finally {
      all.forEach(Saliency::close);
    }
  }

  private void tell(String name, Saliency saliency, double seconds, List<Path> written) {
    String label = labels.of(saliency.target().classIndex());
    SaliencyStatus status = saliency.status();
    PrintWriter out = spec.commandLine().getOut();
    progress.clear();
    out.printf(
        "%s: %s%s, score %.4f; %s, %s, %.2f s%s%s%s%s%s%n",
        name,
        saliency.target(),
        label == null ? "" : " (" + label + ")",
        saliency.referenceScore(),
        saliency.layer(),
        method.scoresPasses() ? passesOf(saliency) : status.channels() + " channels",
        seconds,
        targets.size() == 1 ? "" : " for %d targets".formatted(targets.size()),
        status.estimate().map(ExplainCommand::inWords).orElse(""),
        status.blank() ? "; the map is blank: nothing in the input speaks for the target" : "",
        status.sawNonFinite() ? "; NaN or infinite values were left out" : "",
        status.softmaxOfOneValue()
            ? "; warning: recipe %s scores a softmax, which is always 1 where the network returns a single value, so this map only shows how active the layer is; choose another recipe"
                .formatted(saliency.recipe().name())
            : "");
    saliency.plan().notes().forEach(note -> out.println("  note: " + note));
    written.forEach(file -> out.println("  " + file));
    report.add(
        (method.smooths() ? "smoothed " : "") + method.method(),
        name,
        saliency,
        label,
        seconds,
        written);
  }

  private static String passesOf(Saliency saliency) {
    SaliencyStatus status = saliency.status();
    return "%d of %d channels in %d passes%s of %s"
        .formatted(
            status.scoredChannels(),
            status.channels(),
            status.passes(),
            status.savedPasses() == 0 ? "" : " (%d saved)".formatted(status.savedPasses()),
            saliency.plan().precision());
  }

  private static String inWords(SaliencyStatus.Estimate estimate) {
    return switch (estimate.stop().orElseThrow()) {
      case CORRELATION_REACHED ->
          "; by estimate the map correlates %.4f with that of all channels, and those not scored hold %.1f %% of the weight"
              .formatted(estimate.correlation(), PER_CENT * estimate.unscoredWeight());
      case ALL_SCORED ->
          "; all channels were scored, since the scores seen did not predict the others well enough";
      case FEW_CHANNELS -> "; all channels were scored, since they are few";
    };
  }
}
