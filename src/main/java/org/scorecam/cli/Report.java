package org.scorecam.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.LongStream;
import org.scorecam.Saliency;
import org.scorecam.SaliencyStatus;
import org.scorecam.weights.LoadReport;

/** The results of a run as JSON. */
final class Report {
  private final JsonArray results = new JsonArray();
  private JsonObject weights;

  /** Sets how the network's weights were loaded, if they come from a file of their own. */
  void setWeights(Path file, LoadReport load) {
    LoadReport.Origin origin = load.origin();
    weights = new JsonObject();
    weights.addProperty("file", file.toString());
    weights.addProperty("key", origin.key());
    weights.addProperty("prefix", origin.prefix());
    weights.add("wrappers", JsonFile.of(origin.wrappers()));
    JsonObject conversions = new JsonObject();
    origin
        .conversions()
        .forEach((from, to) -> conversions.addProperty(from.toString(), to.toString()));
    weights.add("conversions", conversions);
    weights.addProperty("loaded", load.loaded().size());
    weights.add("missing", JsonFile.of(load.missing().keySet()));
    weights.add("unexpected", JsonFile.of(load.unexpected().keySet()));
    weights.add("leftOut", JsonFile.of(origin.leftOut()));
    weights.add("notFinite", JsonFile.of(load.notFinite()));
  }

  /** Adds what is known of one map. */
  void add(
      String method,
      String input,
      Saliency saliency,
      String label,
      double seconds,
      List<Path> written) {
    JsonObject result = new JsonObject();
    result.addProperty("input", input);
    result.addProperty("target", saliency.target().toString());
    saliency.target().classIndex().ifPresent(index -> result.addProperty("class", index));
    if (label != null) {
      result.addProperty("label", label);
    }
    float score = saliency.referenceScore();
    // JSON has no NaN and no infinities.
    result.addProperty("score", Float.isFinite(score) ? score : null);
    result.addProperty("method", method);
    result.addProperty("layer", saliency.layer());
    result.addProperty("recipe", saliency.recipe().name());
    JsonArray shape = new JsonArray();
    LongStream.of(saliency.shape()).forEach(shape::add);
    result.add("shape", shape);
    result.addProperty("height", saliency.height());
    result.addProperty("width", saliency.width());
    result.addProperty("seconds", seconds);
    SaliencyStatus status = saliency.status();
    result.addProperty("channels", status.channels());
    result.addProperty("scoredChannels", status.scoredChannels());
    result.addProperty("passes", status.passes());
    result.addProperty("savedPasses", status.savedPasses());
    result.addProperty("constantChannels", status.constantChannels());
    result.addProperty("nonFiniteChannels", status.nonFiniteChannels());
    result.addProperty("nonFiniteScores", status.nonFiniteScores());
    status.estimate().ifPresent(estimate -> result.add("estimate", JsonFile.of(estimate)));
    result.addProperty("blank", status.blank());
    result.addProperty("softmaxOfOneValue", status.softmaxOfOneValue());
    result.add("chunk", JsonFile.of(saliency.plan()));
    result.add("files", JsonFile.of(written.stream().map(Path::toString).toList()));
    results.add(result);
  }

  /** Adds an input without a map. */
  void addFailure(String input, String reason) {
    JsonObject result = new JsonObject();
    result.addProperty("input", input);
    result.addProperty("error", reason);
    results.add(result);
  }

  /** Writes the report, whole or not at all. */
  void write(Path file) {
    JsonObject report = new JsonObject();
    if (weights != null) {
      report.add("weights", weights);
    }
    report.add("results", results);
    JsonFile.write(file, report);
  }
}
