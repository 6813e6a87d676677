package org.scorecam.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.time.Duration;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Saliency;
import org.scorecam.bench.Serving;
import org.scorecam.tensor.Tensors;

/** What {@code bench --serve} found. */
final class ServingReport extends BenchOutput {
  private static final double MILLISECONDS = 1e3;
  private static final List<Integer> PERCENTILES = List.of(50, 95, 99);

  private final JsonArray loads = new JsonArray();

  /**
   * A report without loads.
   *
   * @param first a map of the input
   * @param largestGroup what the explainer is given at most
   */
  ServingReport(String name, Tensor input, Saliency first, int largestGroup, Duration window) {
    double milliseconds = window.toNanos() / 1e6;
    json.addProperty("model", name);
    json.addProperty("input", Tensors.shapeOf(input));
    json.addProperty("layer", first.layer());
    json.addProperty("passes", first.status().passes());
    json.addProperty("largestGroup", largestGroup);
    json.addProperty("windowMilliseconds", milliseconds);
    json.add("loads", loads);
    addMachine();
    line(
        "%s, input %s, layer %s, %d of %d channels in %d passes; groups of up to %d, a window of %.4g ms",
        name,
        Tensors.shapeOf(input),
        first.layer(),
        first.status().scoredChannels(),
        first.status().channels(),
        first.status().passes(),
        largestGroup,
        milliseconds);
    line("");
    line("%-24s%8s%12s%32s%10s", "", "", "maps", "latency, ms", "maps in");
    line(
        "%-24s%8s%12s%12s%10s%10s%10s",
        "", "maps", "per second", "50 %", "95 %", "99 %", "a group");
  }

  /** Adds what callers got, by a service or by themselves. */
  void add(int callers, String by, Serving.Load load) {
    JsonObject entry = new JsonObject();
    entry.addProperty("callers", callers);
    entry.addProperty("by", by);
    entry.addProperty("mapsPerSecond", load.perSecond());
    for (int percent : PERCENTILES) {
      entry.addProperty("latency" + percent, load.latency(percent));
    }
    entry.addProperty("mapsPerGroup", load.mapsPerGroup());
    JsonArray latencies = new JsonArray();
    load.latencies().forEach(latencies::add);
    entry.add("latencies", latencies);
    loads.add(entry);
    line(
        "%-24s%8d%12.1f%12.1f%10.1f%10.1f%10.1f",
        "%d %s, %s".formatted(callers, callers == 1 ? "caller" : "callers", by),
        load.latencies().size(),
        load.perSecond(),
        MILLISECONDS * load.latency(PERCENTILES.get(0)),
        MILLISECONDS * load.latency(PERCENTILES.get(1)),
        MILLISECONDS * load.latency(PERCENTILES.get(2)),
        load.mapsPerGroup());
  }
}
