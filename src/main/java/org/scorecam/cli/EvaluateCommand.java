package org.scorecam.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.zip.CRC32;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.BoundingBox;
import org.scorecam.Recipe;
import org.scorecam.Saliency;
import org.scorecam.Target;
import org.scorecam.error.InputException;
import org.scorecam.error.OutputException;
import org.scorecam.eval.Curve;
import org.scorecam.eval.Evaluation;
import org.scorecam.eval.Fill;
import org.scorecam.eval.MapScores;
import org.scorecam.eval.Metric;
import org.scorecam.file.AtomicFile;
import org.scorecam.file.FileErrors;
import org.scorecam.image.Heatmap;
import org.scorecam.image.Interpolation;
import org.scorecam.image.Overlay;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.Findings;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "evaluate",
    description = {
      "Measures how good the maps of several methods are: average drop, increase in confidence, ADCC,"
          + " insertion, deletion, ROAD, and energy in boxes.",
      "Writes a page that shows them side by side. A run that was stopped goes on where it was.",
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class EvaluateCommand implements Callable<Integer> {
  private static final double NANOSECONDS = 1e9;

  /** Pixels of the longer side of pictures on the page. */
  private static final int SHOWN = 320;

  /** Options that leave the results as they are. */
  private static final Set<String> OF_THE_RUN =
      Set.of(
          "--image",
          "--labels",
          "--out",
          "--json",
          "--csv",
          "--threads",
          "--no-cache",
          "--batch",
          "--workers",
          "--memory");

  @Spec private CommandSpec spec;

  @Mixin private ModelOptions model;

  @Option(
      names = "--method",
      paramLabel = "METHOD",
      arity = "1..*",
      required = true,
      description =
          "Methods to compare: those of explain. With its own options a method stands in quotes:"
              + " 'score-cam --channels adaptive'.")
  private List<String> methods;

  @Option(
      names = "--layer",
      paramLabel = "PATH",
      split = ",",
      description =
          "Target layers, each by itself, of the methods that name none. With --arch it can be left"
              + " out.")
  private List<String> layers = List.of();

  @Option(
      names = "--image",
      paramLabel = "FILE|FOLDER|PATTERN",
      arity = "1..*",
      required = true,
      description = "Pictures, as explain takes them.")
  private List<String> images;

  @Mixin private PictureOptions pictures;

  @Mixin private TargetOptions target;

  @Option(
      names = "--metrics",
      paramLabel = "NAME",
      split = ",",
      description =
          "What is measured: average-drop, increase, adcc, insertion, deletion, road, energy;"
              + " default: all.")
  private List<Metric> metrics = List.of(Metric.values());

  @Option(
      names = "--fill",
      paramLabel = "black|blur|mean",
      split = ",",
      description = "What pixels are inserted into and deleted by; default: black and blur.")
  private List<Fill> fills = List.of(Fill.BLACK, Fill.BLUR);

  @Option(
      names = "--steps",
      paramLabel = "N",
      converter = Positive.class,
      defaultValue = "20",
      description = "Steps of insertion and deletion; default: ${DEFAULT-VALUE}.")
  private Integer steps;

  @Option(
      names = "--score",
      paramLabel = "probability|output",
      defaultValue = "probability",
      description =
          "What of the target is scored: its softmax, or the output as it is; default:"
              + " ${DEFAULT-VALUE}.")
  private Recipe.Score score;

  /** For measuring, and for methods that have none of their own. */
  @Mixin private PassOptions passes;

  @Option(
      names = "--boxes",
      paramLabel = "FILE",
      description =
          "Where the target is, for energy: JSON as in {\"cat.jpg\": [[x0, y0, x1, y1]]}, in the"
              + " picture's pixels.")
  private Path boxFile;

  @Option(
      names = "--labels",
      paramLabel = "FILE",
      description = "Names of the classes, one per line, starting with class 0.")
  private Path labelFile;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "scorecam-evaluation",
      description =
          "Folder for index.html, its pictures, and results.jsonl, from which a run goes on; default:"
              + " ${DEFAULT-VALUE}.")
  private Path folder;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Write all numbers, the curves and the means.")
  private Path json;

  @Option(
      names = "--csv",
      paramLabel = "FILE",
      description = "Write the numbers of each map, one map a line.")
  private Path csv;

  @Option(
      names = "--no-cache",
      description = "Try anew how this machine runs the network fastest, as in explain.")
  private boolean noCache;

  private final TerminalProgress progress = new TerminalProgress("maps");

  private Failures failures;
  private PictureBoxes boxes;

  @Override
  public Integer call() {
    List<Target> targets = target.targets();
    passes.requireFitting();
    for (Path file : new Path[] {json, csv}) {
      if (file != null) {
        OutputOptions.requireFolder(file);
      }
    }
    Findings.keepIn(noCache ? Optional.empty() : Findings.usualFolder());
    failures = new Failures(spec.commandLine(), progress);
    boxes = boxFile == null ? PictureBoxes.NONE : PictureBoxes.read(boxFile);
    Labels labels = labelFile == null ? Labels.NONE : Labels.read(labelFile);
    List<Path> files =
        images.stream().flatMap(word -> PictureFiles.named(word).stream()).distinct().toList();
    if (boxFile != null && files.stream().noneMatch(boxes::has)) {
      throw new InputException(
          "%s has boxes of none of the pictures; it names them as --image does, or by their file"
                  .formatted(boxFile)
              + " names alone");
    }
    createFolders();
    JsonObject configuration = configuration();
    List<JsonObject> results;
    try (EvaluationFile known =
        EvaluationFile.open(folder.resolve("results.jsonl"), configuration)) {
      results = evaluateAll(files, targets, known);
    }
    failures.printCount(files.size(), "evaluated");
    EvaluationTable table = new EvaluationTable(results);
    if (!results.isEmpty()) {
      table.print(spec.commandLine().getOut());
      Path page = folder.resolve("index.html");
      write(page, new EvaluationPage(model.name(), table, labels).html());
      spec.commandLine().getOut().println("See " + page);
    }
    if (json != null) {
      JsonFile.write(json, table.json(configuration));
    }
    if (csv != null) {
      write(csv, table.csv());
    }
    return failures.exitCode();
  }

  private void createFolders() {
    try {
      Files.createDirectories(folder.resolve("pictures"));
    } catch (IOException e) {
      throw new OutputException(
          "the folder %s cannot be created: %s".formatted(folder, FileErrors.reasonOf(e)), e);
    }
  }

  private static void write(Path file, String text) {
    AtomicFile.write(file, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** What the results depend on beside the pictures: the options, and the files that they name. */
  private JsonObject configuration() {
    JsonObject configuration = new JsonObject();
    configuration.addProperty("version", String.join(" ", spec.root().version()));
    for (OptionSpec option : spec.options()) {
      String name = option.longestName();
      if (!option.stringValues().isEmpty() && !OF_THE_RUN.contains(name)) {
        configuration.addProperty(name, String.join(" ", option.stringValues()));
        if (option.getValue() instanceof Path file) {
          configuration.add(name + " file", stateOf(file));
        }
      }
    }
    return configuration;
  }

  /** What tells whether a file has changed. */
  private static JsonObject stateOf(Path file) {
    JsonObject state = new JsonObject();
    try {
      state.addProperty("bytes", Files.size(file));
      state.addProperty("modified", Files.getLastModifiedTime(file).toString());
    } catch (IOException e) {
      throw new InputException("%s cannot be read: %s".formatted(file, FileErrors.reasonOf(e)), e);
    }
    return state;
  }

  private Evaluation evaluation(HookedModel network) {
    Evaluation.Builder builder =
        Evaluation.on(network)
            .metrics(EnumSet.copyOf(metrics))
            .fills(EnumSet.copyOf(fills))
            .steps(steps)
            .score(score);
    passes.applyTo(builder);
    return builder.build();
  }

  /** Evaluates what is not known yet; the results of all pictures but those that failed. */
  private List<JsonObject> evaluateAll(
      List<Path> files, List<Target> targets, EvaluationFile known) {
    List<JsonObject> results = new ArrayList<>();
    try (HookedModel network = model.load();
        Evaluation evaluation = evaluation(network)) {
      List<ComparedMethod> compared =
          ComparedMethod.of(methods, layers, passes, network, spec.commandLine());
      try {
        long each = (long) compared.size() * targets.size();
        for (int i = 0; i < files.size(); i++) {
          Path file = files.get(i);
          long before = i * each;
          long all = files.size() * each;
          try {
            JsonObject picture = new JsonObject();
            picture.addProperty("picture", file.toString());
            picture.add("file", stateOf(file));
            Optional<JsonObject> done = known.of(picture);
            if (done.isEmpty()) {
              measure(picture, file, compared, targets, evaluation, before, all);
              known.add(picture);
            }
            results.add(done.orElse(picture));
          } catch (OutputException e) {
            throw e;
          } catch (RuntimeException e) {
            failures.add(file.toString(), e, !results.isEmpty());
          }
          progress.onProgress(before + each, all);
        }
      } finally {
        compared.forEach(ComparedMethod::close);
      }
    }
    return results;
  }

  private void measure(
      JsonObject result,
      Path file,
      List<ComparedMethod> compared,
      List<Target> targets,
      Evaluation evaluation,
      long before,
      long all) {
    Preprocessing preprocessing = pictures.preprocessing();
    Picture picture = Picture.read(file);
    double shrink = Math.min(1, (double) SHOWN / Math.max(picture.width(), picture.height()));
    Picture shown =
        picture.resize(
            Math.max(1, (int) Math.round(picture.width() * shrink)),
            Math.max(1, (int) Math.round(picture.height() * shrink)),
            Interpolation.BILINEAR);
    String stem = "pictures/" + stemOf(file);
    shown.write(folder.resolve(stem + ".png"));
    result.addProperty("shown", stem + ".png");
    JsonArray maps = new JsonArray();
    try (Tensor input = preprocessing.apply(picture)) {
      List<BoundingBox> inside =
          boxes.of(file, preprocessing.regionOf(picture), input.size(3), input.size(2));
      for (ComparedMethod method : compared) {
        long start = System.nanoTime();
        List<Saliency> saliencies = method.explainer().explain(input, targets);
        double seconds = (System.nanoTime() - start) / NANOSECONDS;
        try {
          for (Saliency saliency : saliencies) {
            MapScores scores = evaluation.measure(method.explainer(), input, saliency, inside);
            JsonObject map = jsonOf(method.name(), saliency, seconds, scores);
            String overlay = "%s-%d.png".formatted(stem, maps.size());
            Overlay.jet()
                .draw(Heatmap.of(saliency.toArray()), shown, preprocessing.regionOf(shown))
                .write(folder.resolve(overlay));
            map.addProperty("overlay", overlay);
            maps.add(map);
            progress.onProgress(before + maps.size(), all);
          }
        } finally {
          saliencies.forEach(Saliency::close);
        }
      }
    }
    result.add("maps", maps);
  }

  /** A name for the pictures of a file, the same in every run, for the page to link to. */
  private static String stemOf(Path file) {
    CRC32 path = new CRC32();
    path.update(file.toAbsolutePath().normalize().toString().getBytes(StandardCharsets.UTF_8));
    String name = file.getFileName().toString().replaceFirst("\\.[^.]*$", "");
    return "%s-%08x".formatted(name.replaceAll("[^A-Za-z0-9_-]", "_"), path.getValue());
  }

  private static JsonObject jsonOf(
      String method, Saliency saliency, double seconds, MapScores scores) {
    JsonObject map = new JsonObject();
    map.addProperty("method", method);
    map.addProperty("layer", saliency.layer());
    map.addProperty("recipe", saliency.recipe().name());
    map.addProperty("target", saliency.target().toString());
    saliency.target().classIndex().ifPresent(index -> map.addProperty("class", index));
    map.addProperty("score", scores.score());
    map.addProperty("channels", saliency.status().channels());
    map.addProperty("passes", saliency.status().passes());
    map.addProperty("seconds", seconds);
    JsonObject values = new JsonObject();
    scores.values().forEach(values::addProperty);
    map.add("values", values);
    map.add("insertion", jsonOf(scores.insertion()));
    map.add("deletion", jsonOf(scores.deletion()));
    return map;
  }

  private static JsonObject jsonOf(Map<Fill, Curve> curves) {
    JsonObject json = new JsonObject();
    curves.forEach(
        (fill, curve) -> {
          JsonObject both = new JsonObject();
          both.add("fractions", jsonOf(curve.fractions()));
          both.add("scores", jsonOf(curve.scores()));
          json.add(fill.toString(), both);
        });
    return json;
  }

  private static JsonArray jsonOf(List<Double> numbers) {
    JsonArray array = new JsonArray();
    numbers.forEach(array::add);
    return array;
  }
}
