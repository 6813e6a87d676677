package org.scorecam.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.bench.Agreement;
import org.scorecam.bench.Contestant;
import org.scorecam.bench.Footprint;
import org.scorecam.bench.MachinePeaks;
import org.scorecam.bench.NetworkAlone;
import org.scorecam.bench.PlainProcess;
import org.scorecam.bench.Race;
import org.scorecam.bench.ScoreCamContestant;
import org.scorecam.bench.Serving;
import org.scorecam.bench.Soak;
import org.scorecam.bench.Suite;
import org.scorecam.error.InputException;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.Capture;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "bench",
    description = {
      "Measures explanations: time, stages and memory, compared with the network alone and with"
          + " a plain Score-CAM on LibTorch.",
      "Contestants take turns; times are medians.",
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class BenchCommand implements Runnable {
  /** Whom explanations are compared with. */
  private enum Baseline {
    NONE,
    PLAIN,
    TUNED,
    BOTH
  }

  /** Two for each of the tenths that are shown. */
  private static final int LEAST_SOAK = 20;

  /** Maps in which all that is tried out once is tried out; fewer where few are asked for. */
  private static final int WARM_UP = 100;

  /** Of the suite's input. */
  private static final Size SUITE_SIZE = new Size(224, 224);

  @Spec private CommandSpec spec;

  @Mixin private ModelOptions model;

  @Mixin private MethodOptions method;

  @ArgGroup(multiplicity = "1")
  private SampleInput input;

  @Mixin private TargetOptions targets;

  private Target target;

  @Option(
      names = "--runs",
      paramLabel = "N",
      defaultValue = "7",
      converter = Positive.class,
      description = "Timed runs of each, after one to warm up; default: ${DEFAULT-VALUE}.")
  private Integer runs;

  @Option(
      names = "--baseline",
      paramLabel = "plain|tuned|both|none",
      description = {
        "A plain Score-CAM in a JVM of its own to compare with: with LibTorch's default settings"
            + " (plain), with ours (tuned), or both. Default: plain where possible.",
        "With none, chosen channels are not compared with all either: only the network alone is"
            + " timed beside the explanation.",
        "It needs --model, a single layer and a class.",
      })
  private Baseline baseline;

  @Option(
      names = "--chunks",
      paramLabel = "B",
      split = ",",
      converter = Positive.class,
      description = "Also explain in chunks of these sizes, in masked inputs.")
  private List<Integer> chunks = List.of();

  @Option(
      names = "--images",
      paramLabel = "N",
      split = ",",
      converter = Positive.class,
      description = "Also explain this many inputs, all at once and one by one.")
  private List<Integer> images = List.of();

  @Option(
      names = "--compare-threads",
      paramLabel = "T",
      split = ",",
      converter = Positive.class,
      description = "Also explain with these numbers of threads.")
  private List<Integer> threads = List.of();

  @Option(
      names = "--soak",
      paramLabel = "N",
      converter = Positive.class,
      description = {
        "Instead of all that, watch the memory while N batches (at least 20) of 1 to 4 inputs are"
            + " explained: in sizes from half the input's to its own, with every recipe, at each"
            + " layer, with the chosen channels and with all.",
        "A small Java heap (java -Xmx256m -jar …) makes native memory stand out.",
      })
  private Integer soak;

  @Option(
      names = "--serve",
      paramLabel = "C",
      split = ",",
      converter = Positive.class,
      description = {
        "Instead of all that, have these numbers of callers ask a service for maps of the input,"
            + " each for the next one when it has the last: maps per second and percentiles of the"
            + " latency, against callers who explain on their own threads.",
        "It groups what arrives together where masked inputs are few (--channels max:16).",
      })
  private List<Integer> callers = List.of();

  @Option(
      names = "--maps",
      paramLabel = "N",
      defaultValue = "50",
      converter = Positive.class,
      description =
          "Maps that are asked for in each of the --runs of --serve, unless --seconds are over"
              + " before; default: ${DEFAULT-VALUE}.")
  private Integer maps;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      defaultValue = "3",
      converter = Positive.class,
      description = {
        "After which no more maps are asked for in each of the --runs of --serve, but for one by"
            + " each caller; default: ${DEFAULT-VALUE}.",
      })
  private Integer seconds;

  @Option(
      names = "--window",
      paramLabel = "MS",
      defaultValue = "2",
      description =
          "Milliseconds in which the service of --serve waits for more; default: ${DEFAULT-VALUE}.")
  private long window;

  @Option(
      names = "--suite",
      paramLabel = "NAME",
      arity = "0..1",
      split = ",",
      help = true, // The other options need not be there.
      fallbackValue = Suite.NAMES,
      description = {
        "Instead of all that, time a few passes of each network of a suite, or of those of the zoo"
            + " that are named, with random weights: against the passes alone, against a plain"
            + " Score-CAM by the same network and against what the machine reaches in matrix products"
            + " and copies.",
        "--size is 224x224 and --channels max:32 unless given; --runs, --threads, --device,"
            + " --precision, --batch and --memory are as always.",
      })
  private List<String> suite;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Write everything that was measured to this file.")
  private Path json;

  @Override
  public void run() {
    if (suite != null) {
      runSuite();
      return;
    }
    if (!input.pictures().isEmpty()) {
      runPictures();
      return;
    }
    method.requireDifferentLayers();
    target = targets.target();
    String whyNoBaseline = whyNoBaseline();
    requireBaselineIfAsked(whyNoBaseline);
    if (json != null) {
      OutputOptions.requireFolder(json);
    }
    if (soak != null && soak < LEAST_SOAK) {
      throw new ParameterException(
          spec.commandLine(), "--soak needs at least %d explanations".formatted(LEAST_SOAK));
    }
    if (soak != null && (baseline != null || variesAnything())) {
      throw new ParameterException(
          spec.commandLine(),
          "--soak times nothing; leave out --baseline, --chunks, --images and --compare-threads");
    }
    if (!callers.isEmpty() && (soak != null || baseline != null || variesAnything())) {
      throw new ParameterException(
          spec.commandLine(),
          "--serve times a service; leave out --soak, --baseline, --chunks, --images and"
              + " --compare-threads");
    }
    if (window < 0) {
      throw new ParameterException(
          spec.commandLine(), "--window must be 0 or more, not %d".formatted(window));
    }
    BenchOutput report;
    try (HookedModel network = model.load();
        Tensor inputs = input.tensorFor(network)) {
      if (inputs.dim() != 4) {
        throw new InputException(
            "bench takes pictures [N, C, H, W], not an input of shape " + Tensors.shapeOf(inputs));
      }
      if (!callers.isEmpty()) {
        report = serve(network, inputs);
      } else if (soak != null) {
        report = watchMemory(network, inputs);
      } else {
        report = measure(network, inputs, whyNoBaseline);
      }
    }
    finish(report);
  }

  private void finish(BenchOutput report) {
    report.print(spec.commandLine().getOut());
    if (json != null) {
      report.write(json);
    }
  }

  private void runSuite() {
    if (model.isGiven()
        || !callers.isEmpty()
        || soak != null
        || baseline != null
        || variesAnything()) {
      throw new ParameterException(
          spec.commandLine(),
          "--suite has networks of its own; leave out --model, --arch, --serve, --soak,"
              + " --baseline, --chunks, --images and --compare-threads");
    }
    if (json != null) {
      OutputOptions.requireFolder(json);
    }
    Suite.requireAll(suite);
    Size size = input == null ? SUITE_SIZE : input.size();
    if (size == null) {
      throw new ParameterException(spec.commandLine(), "--suite takes --size, not --tensor");
    }
    method.channelsUnlessGiven(Suite.CHANNELS);
    model.setThreads();
    Device device = model.devices().get(0);
    TerminalProgress progress = new TerminalProgress("networks");
    try (Tensor noise = SampleInput.colouredNoise(size)) {
      SuiteReport report =
          new SuiteReport(noise, device, method.channels(), MachinePeaks.of(device), runs);
      for (int i = 0; i < suite.size(); i++) {
        report.print(spec.commandLine().getOut());
        report.add(Suite.measure(suite.get(i), device, noise, method::builder, runs));
        progress.onProgress(i + 1, suite.size());
      }
      finish(report);
    }
  }

  private void runPictures() {
    if (!callers.isEmpty() || soak != null || baseline != null || variesAnything()) {
      throw new ParameterException(
          spec.commandLine(),
          "--pictures compares channels; leave out --serve, --soak, --baseline, --chunks, --images"
              + " and --compare-threads");
    }
    if (method.scoresAllChannels()) {
      throw new ParameterException(
          spec.commandLine(),
          "--pictures compares chosen channels with all; choose them with --channels");
    }
    if (json != null) {
      OutputOptions.requireFolder(json);
    }
    List<Target> asked = targets.targets();
    List<Path> files = input.pictures();
    TerminalProgress progress = new TerminalProgress("pictures");
    try (HookedModel network = model.load();
        ScoreCam all = method.builder(network).channels(ChannelSelection.all()).build();
        ScoreCam chosen = method.builder(network).build()) {
      AgreementReport report =
          new AgreementReport(model.name(), method.channels(), network.device());
      for (int i = 0; i < files.size(); i++) {
        report.print(spec.commandLine().getOut());
        Picture picture = Picture.read(files.get(i));
        try (Tensor image = Preprocessing.imagenet().apply(picture)) {
          report.add(
              String.valueOf(files.get(i).getFileName()), Agreement.of(all, chosen, image, asked));
        }
        progress.onProgress(i + 1, files.size());
      }
      report.finish();
      finish(report);
    }
  }

  private void requireBaselineIfAsked(String obstacle) {
    if (obstacle != null && baseline != null && baseline != Baseline.NONE) {
      throw new ParameterException(spec.commandLine(), "--baseline " + obstacle);
    }
  }

  private boolean variesAnything() {
    return !chunks.isEmpty() || !images.isEmpty() || !threads.isEmpty();
  }

  private SoakReport watchMemory(HookedModel network, Tensor sample) {
    List<ScoreCam> explainers = method.ofAllRecipes(network);
    try (Soak all = new Soak(explainers, sample, target)) {
      List<Soak.Tenth> tenths = all.run(soak, new TerminalProgress("explanations")::onProgress);
      return new SoakReport(model.name(), sample, explainers.size(), tenths);
    }
  }

  private ServingReport serve(HookedModel network, Tensor inputs) {
    Duration longest = Duration.ofMillis(window);
    TerminalProgress progress = new TerminalProgress("loads");
    try (ScoreCam explainer = method.builder(network).build();
        Tensor input = inputs.narrow(0, 0, 1);
        Saliency first = explainer.explain(input, target)) {
      ServingReport report =
          new ServingReport(model.name(), input, first, explainer.inputsPerGroup(), longest);
      report.print(spec.commandLine().getOut());
      Duration limit = Duration.ofSeconds(seconds);
      int most = Collections.max(callers);
      int warmUp = Math.min(WARM_UP, 2 * runs * maps);
      new Serving(explainer, input, target, warmUp, limit).byService(most, longest);
      Serving serving = new Serving(explainer, input, target, maps, limit);
      for (int i = 0; i < callers.size(); i++) {
        // What was measured so far, while the next takes its time.
        report.print(spec.commandLine().getOut());
        Serving.Load byService = Serving.Load.NONE;
        Serving.Load byCallers = Serving.Load.NONE;
        for (int run = 0; run < runs; run++) {
          byService = byService.and(serving.byService(callers.get(i), longest));
          byCallers = byCallers.and(serving.byCallers(callers.get(i)));
          progress.onProgress(i * runs + run + 1, callers.size() * runs);
        }
        progress.clear();
        report.add(callers.get(i), "service", byService);
        report.add(callers.get(i), "own threads", byCallers);
      }
      return report;
    }
  }

  private String whyNoBaseline() {
    if (model.file() == null) {
      return "needs --model, since it loads a TorchScript file";
    }
    if (method.fuses()) {
      return "needs a single --layer, since it cannot fuse maps";
    }
    return targets.isClass() ? null : "needs a class as the target";
  }

  private static String whyNoBaseline(HookedModel network, Tensor image) {
    try (ModelOutput output = network.forward(image)) {
      boolean classes = output.isTensor() && output.tensor().dim() == 2;
      return classes
          ? null
          : "needs a network that returns a tensor [N, classes]; this one returns "
              + output.describe();
    }
  }

  private BenchReport measure(HookedModel network, Tensor inputs, String whyNoBaseline) {
    ScoreCam explainer = method.builder(network).build();
    try (Tensor image = inputs.narrow(0, 0, 1);
        Race race = new Race();
        ScoreCamContestant explanation = race.enter(scoreCam("explanation", explainer, image));
        Footprint first = Footprint.of(network, explainer, image, target)) {
      Scorer scorer = explainer.scorer(image.size(1), image.size(2), image.size(3));
      BenchReport report = new BenchReport(model.name(), network, scorer, image, first, runs);
      race.compare(explanation, race.enter(networkAlone(network, scorer, image, first)));
      Contestant whole = explanation;
      if (!method.scoresAllChannels() && baseline != Baseline.NONE) {
        ScoreCam.Builder all = method.builder(network).channels(ChannelSelection.all());
        whole = race.enter(scoreCam("all channels", all.build(), image));
        race.compare(whole, explanation);
      }
      String obstacle = whyNoBaseline == null ? whyNoBaseline(network, image) : whyNoBaseline;
      requireBaselineIfAsked(obstacle);
      List<PlainProcess> baselines =
          obstacle == null ? baselines(network, image, first) : List.of();
      for (PlainProcess plain : baselines) {
        race.compare(race.enter(plain), whole);
      }
      enterVariants(race, network, inputs, image);

      report.add(race.run(runs, new TerminalProgress("runs")::onProgress));
      boolean comparable = method.scoresAllChannels() && method.isTheBaselines();
      baselines.forEach(plain -> report.add(plain, comparable));
      if (obstacle != null) {
        report.noBaseline(obstacle);
      }
      return report;
    }
  }

  private static NetworkAlone networkAlone(
      HookedModel network, Scorer scorer, Tensor image, Footprint first) {
    return new NetworkAlone(
        scorer, network.device(), image, first.chunks(), first.saliency().status().passes());
  }

  private ScoreCamContestant scoreCam(String name, ScoreCam explainer, Tensor inputs) {
    return new ScoreCamContestant(name, explainer, inputs, target);
  }

  private List<PlainProcess> baselines(HookedModel network, Tensor image, Footprint first) {
    List<PlainProcess> baselines = new ArrayList<>();
    Baseline chosen = baseline == null ? Baseline.PLAIN : baseline;
    List<String> layers = List.of(first.saliency().layer());
    try (NativeScope scope = NativeScope.open();
        Capture capture = network.capture(image, first.saliency().recipe().watching(layers))) {
      PlainProcess.Task task =
          new PlainProcess.Task(
              model.file(),
              network.device(),
              image,
              capture.activations().get(0).select(0, 0).to(ScalarType.Float),
              first.saliency().target().classIndex().orElseThrow());
      if (chosen == Baseline.PLAIN || chosen == Baseline.BOTH) {
        baselines.add(new PlainProcess(task, false));
      }
      if (chosen == Baseline.TUNED || chosen == Baseline.BOTH) {
        baselines.add(new PlainProcess(task, true));
      }
      return baselines;
    } catch (RuntimeException | Error e) {
      baselines.forEach(PlainProcess::close);
      throw e;
    }
  }

  private void enterVariants(Race race, HookedModel network, Tensor inputs, Tensor image) {
    for (int rows : chunks) {
      ScoreCam explainer = method.builder(network).batch(rows).build();
      race.enter(scoreCam("chunks of " + rows, explainer, image));
    }
    Contestant fewest = null;
    for (int count : threads) {
      ScoreCam explainer = method.builder(network).build();
      String name = count == 1 ? "1 thread" : count + " threads";
      Contestant contestant = race.enter(scoreCam(name, explainer, image).withThreads(count));
      if (fewest == null) {
        fewest = contestant;
      } else {
        race.compare(fewest, contestant);
      }
    }
    for (int count : images) {
      Tensor batch = race.keep(repeated(inputs, count));
      Contestant oneByOne =
          race.enter(
              scoreCam(count + " one by one", method.builder(network).build(), batch).oneByOne());
      Contestant atOnce =
          race.enter(scoreCam(count + " at once", method.builder(network).build(), batch));
      race.compare(oneByOne, atOnce);
    }
  }

  /** The inputs again and again until there are so many. */
  private static Tensor repeated(Tensor inputs, int count) {
    try (NativeScope scope = NativeScope.open()) {
      long times = (count + inputs.size(0) - 1) / inputs.size(0);
      return scope.keep(inputs.repeat(times, 1, 1, 1).narrow(0, 0, count).contiguous());
    }
  }
}
