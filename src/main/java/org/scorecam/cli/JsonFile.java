package org.scorecam.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Locale;
import org.scorecam.SaliencyStatus;
import org.scorecam.file.AtomicFile;
import org.scorecam.scoring.ChunkPlan;

/** What the reports have in common as JSON. */
final class JsonFile {
  private static final Gson GSON = new GsonBuilder().setPrettyPrinting().serializeNulls().create();

  private JsonFile() {}

  /** Writes a file, whole or not at all. */
  static void write(Path file, JsonElement content) {
    byte[] text = (GSON.toJson(content) + "\n").getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, out -> out.write(text));
  }

  /** How many masked inputs were scored at once, and why. */
  static JsonObject of(ChunkPlan plan) {
    JsonObject chunk = new JsonObject();
    chunk.addProperty("rows", plan.rows());
    chunk.addProperty("workers", plan.workers());
    chunk.addProperty("precision", plan.precision().toString());
    chunk.addProperty("bytes", plan.bytes());
    chunk.addProperty("basis", plan.basis().name().toLowerCase(Locale.ROOT).replace('_', ' '));
    JsonArray probes = new JsonArray();
    for (ChunkPlan.Probe tried : plan.probes()) {
      JsonObject probe = new JsonObject();
      probe.addProperty("rows", tried.rows());
      probe.addProperty("millisPerRow", tried.millisPerRow());
      probe.addProperty("bytes", tried.bytes());
      probes.add(probe);
    }
    chunk.add("probes", probes);
    chunk.add("notes", of(plan.notes()));
    return chunk;
  }

  /** How far a map may be from that of all channels. */
  static JsonObject of(SaliencyStatus.Estimate estimate) {
    JsonObject json = new JsonObject();
    json.addProperty("correlation", estimate.correlation());
    json.addProperty("unscoredWeight", estimate.unscoredWeight());
    estimate
        .stop()
        .ifPresent(
            stop ->
                json.addProperty("stop", stop.name().toLowerCase(Locale.ROOT).replace('_', ' ')));
    return json;
  }

  /** A list of texts. */
  static JsonArray of(Collection<String> texts) {
    JsonArray array = new JsonArray();
    texts.forEach(array::add);
    return array;
  }
}
