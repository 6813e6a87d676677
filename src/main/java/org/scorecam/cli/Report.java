package org.scorecam.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.nio.file.Path;
import java.util.List;
import org.scorecam.Saliency;
import org.scorecam.SaliencyStatus;

/** The results of a run as JSON. */
final class Report {
  private final JsonArray results = new JsonArray();

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
    result.addProperty("blank", status.blank());
    result.addProperty("softmaxOfOneValue", status.softmaxOfOneValue());
    result.add("chunk", JsonFile.of(saliency.plan()));
    JsonArray files = new JsonArray();
    written.forEach(file -> files.add(file.toString()));
    result.add("files", files);
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
    report.add("results", results);
    JsonFile.write(file, report);
  }
}
