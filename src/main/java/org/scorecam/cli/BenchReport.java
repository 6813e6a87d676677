package org.scorecam.cli;

import static java.util.stream.Collectors.joining;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.MapAgreement;
import org.scorecam.Saliency;
import org.scorecam.SaliencyStatus;
import org.scorecam.bench.Footprint;
import org.scorecam.bench.Lap;
import org.scorecam.bench.Laps;
import org.scorecam.bench.PlainProcess;
import org.scorecam.bench.Race;
import org.scorecam.bench.StageTimes;
import org.scorecam.model.HookedModel;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorch;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.tensor.Tensors;

/** What {@code bench} found, as a table and as JSON. */
final class BenchReport extends BenchOutput {
  private static final double MILLISECONDS = 1e3;

  private final Footprint first;
  private final boolean onCuda;

  /** Starts with what is measured. */
  BenchReport(
      String name, HookedModel network, Scorer scorer, Tensor image, Footprint first, int runs) {
    this.first = first;
    this.onCuda = network.device().type() == Device.Type.CUDA;
    Saliency saliency = first.saliency();
    SaliencyStatus status = saliency.status();
    String dtype = scorer.description();
    String chunks = chunksOf(first.chunks());
    JsonObject setting = new JsonObject();
    setting.addProperty("model", name);
    setting.addProperty("layer", saliency.layer());
    setting.addProperty("recipe", saliency.recipe().name());
    setting.addProperty("target", saliency.target().toString());
    setting.addProperty("input", Tensors.shapeOf(image));
    setting.addProperty("device", network.device().toString());
    setting.addProperty("precision", dtype);
    setting.addProperty("threads", LibTorch.threads());
    setting.addProperty("channels", status.channels());
    setting.addProperty("scoredChannels", status.scoredChannels());
    setting.addProperty("passes", status.passes());
    setting.addProperty("chunks", chunks);
    setting.add("plan", JsonFile.of(saliency.plan()));
    setting.addProperty("runs", runs);
    setting.addProperty("stagesAre", onCuda ? "submission" : "work");
    json.add("setting", setting);
    addMachine();
    line(
        "%s, %s, recipe %s, input %s, on %s with %s, %s",
        name,
        saliency.layer(),
        saliency.recipe().name(),
        Tensors.shapeOf(image),
        network.device(),
        LibTorch.threads() == 1 ? "1 thread" : LibTorch.threads() + " threads",
        dtype);
    line(
        "%d of %d channels in %d passes, %s; medians of %d runs",
        status.scoredChannels(), status.channels(), status.passes(), chunks, runs);
    line("planned: %s", planOf(saliency.plan()));
  }

  /**
   * For example {@code 8 rows of float32 (probed), 58 MiB; ms per row: 4 rows 9.71, 8 rows 8.60}.
   */
  private static String planOf(ChunkPlan plan) {
    String probes =
        plan.probes().stream()
            .map(
                probe ->
                    String.format(Locale.ROOT, "%d rows %.2f", probe.rows(), probe.millisPerRow()))
            .collect(joining(", "));
    return plan + (probes.isEmpty() ? "" : "; ms per row: " + probes);
  }

  /** For example {@code 16 chunks of 32}. */
  private static String chunksOf(List<Integer> rows) {
    return rows.stream()
        .distinct()
        .map(
            size -> {
              long count = rows.stream().filter(size::equals).count();
              return (count == 1 ? "1 chunk of " : count + " chunks of ") + size;
            })
        .collect(joining(" and "));
  }

  /** Adds the times. */
  void add(Race.Result result) {
    line("");
    line("%-26s%12s%12s%12s", "", "ms", "ms/pass", "passes/s");
    JsonArray contestants = new JsonArray();
    for (Laps laps : result.laps()) {
      double perPass = laps.seconds() / laps.passes();
      line(
          "%-26s%12.1f%12.3f%12.1f",
          laps.name(), laps.seconds() * MILLISECONDS, perPass * MILLISECONDS, 1 / perPass);
      JsonObject contestant = new JsonObject();
      contestant.addProperty("name", laps.name());
      contestant.addProperty("seconds", laps.seconds());
      contestant.addProperty("passes", laps.passes());
      contestant.addProperty("passesPerSecond", 1 / perPass);
      contestant.addProperty("millisecondsPerPass", perPass * MILLISECONDS);
      JsonArray each = new JsonArray();
      laps.laps().stream().map(Lap::seconds).forEach(each::add);
      contestant.add("runs", each);
      if (laps.laps().get(0).stages().isPresent()) {
        contestant.add("stages", stagesOf(laps));
        contestant.addProperty("chunks", chunksOf(laps.laps().get(0).stages().get().chunks()));
      }
      contestants.add(contestant);
    }
    json.add("times", contestants);
    printStages(result.laps().get(0));
    line("");
    JsonArray comparisons = new JsonArray();
    for (Race.Comparison comparison : result.comparisons()) {
      String quotient = comparison.slower() + " / " + comparison.faster();
      line("%-50s%12.3f", quotient, comparison.quotient());
      JsonObject compared = new JsonObject();
      compared.addProperty("slower", comparison.slower());
      compared.addProperty("faster", comparison.faster());
      compared.addProperty("quotient", comparison.quotient());
      comparisons.add(compared);
    }
    json.add("comparisons", comparisons);
    addMemory();
  }

  private static JsonObject stagesOf(Laps laps) {
    JsonObject stages = new JsonObject();
    for (String stage : StageTimes.names()) {
      stages.addProperty(stage, laps.secondsOf(stage));
    }
    return stages;
  }

  private void printStages(Laps laps) {
    line("");
    line("%-26s%12s%12s", "stage of " + laps.name(), "ms", "share, %");
    for (String stage : StageTimes.names()) {
      double seconds = laps.secondsOf(stage);
      line("%-26s%12.2f%12.2f", stage, seconds * MILLISECONDS, PER_CENT * seconds / laps.seconds());
    }
    if (onCuda) {
      line(
          "on CUDA these are the times to submit work; the wait for it falls to whichever stage reads it");
    }
  }

  private void addMemory() {
    JsonObject memory = new JsonObject();
    memory.addProperty("idle", first.residentIdle());
    memory.addProperty("peak", first.residentPeak());
    json.add("residentBytes", memory);
    line("");
    line(
        "%-50s%8.0f MiB",
        "resident memory with the network ready", first.residentIdle() / MEBIBYTE);
    line(
        "%-50s%8.0f MiB",
        "added at the peak of an explanation",
        (first.residentPeak() - first.residentIdle()) / MEBIBYTE);
  }

  /** Adds what a baseline did beside its times. */
  void add(PlainProcess plain, boolean comparable) {
    JsonObject found = new JsonObject();
    found.addProperty("name", plain.name());
    OptionalLong memory = plain.peakAboveIdle();
    found.addProperty("peakAboveIdle", memory.isPresent() ? memory.getAsLong() : null);
    if (memory.isPresent()) {
      line(
          "%-50s%8.0f MiB",
          "added at the peak of the " + plain.name(), memory.getAsLong() / MEBIBYTE);
    }
    Duration waiting = plain.busyWaiting();
    found.addProperty("busyWaitingSeconds", waiting.toMillis() / MILLISECONDS);
    if (comparable) {
      float[] map = Tensors.toArray(first.saliency().tensor());
      MapAgreement agreement = MapAgreement.of(plain.map(), map);
      double correlation = agreement.correlation();
      found.addProperty("mapCorrelation", Double.isFinite(correlation) ? correlation : null);
      found.addProperty("largestMapDifference", agreement.largestDifference());
      line(
          "map compared with that of the %s: correlation %.6f, largest difference %.1e of its range",
          plain.name(), correlation, agreement.largestDifference());
    }
    if (!json.has("baselines")) {
      json.add("baselines", new JsonArray());
    }
    json.getAsJsonArray("baselines").add(found);
  }

  /** Says why nothing is compared with. */
  void noBaseline(String reason) {
    json.addProperty("noBaseline", reason);
    line("no baseline: it " + reason);
  }
}
