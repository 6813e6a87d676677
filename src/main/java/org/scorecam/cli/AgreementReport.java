package org.scorecam.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.scorecam.bench.Agreement;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorch;

/** What {@code bench --pictures} found: a line for each view of each picture. */
final class AgreementReport extends BenchOutput {
  /** What is counted in the end. */
  private static final double GOOD = 0.99;

  private final JsonArray views = new JsonArray();
  private final List<Agreement> all = new ArrayList<>();

  /** Starts with what is compared. */
  AgreementReport(String name, String channels, Device device) {
    json.addProperty("model", name);
    json.addProperty("channels", channels);
    addMachine();
    json.add("views", views);
    line(
        "%s, channels %s compared with all, on %s with %s",
        name,
        channels,
        device,
        LibTorch.threads() == 1 ? "1 thread" : LibTorch.threads() + " threads");
    line("");
    line(
        "%-24s%-13s%-12s%12s%10s%12s%12s",
        "picture", "view", "target", "all passes", "passes", "correlation", "estimate");
  }

  /** Adds what was found of a picture. */
  void add(String picture, List<Agreement> agreements) {
    for (Agreement found : agreements) {
      line(
          "%-24s%-13s%-12s%12d%10d%12.4f%12s",
          picture,
          found.view(),
          found.target(),
          found.passesOfAll(),
          found.passes(),
          found.correlation(),
          found
              .estimate()
              .map(estimate -> String.format(Locale.ROOT, "%.4f", estimate.correlation()))
              .orElse("-"));
      JsonObject view = new JsonObject();
      view.addProperty("picture", picture);
      view.addProperty("view", found.view());
      view.addProperty("target", found.target().toString());
      view.addProperty("passesOfAll", found.passesOfAll());
      view.addProperty("passes", found.passes());
      double correlation = found.correlation();
      view.addProperty("correlation", Double.isFinite(correlation) ? correlation : null);
      found.estimate().ifPresent(estimate -> view.add("estimate", JsonFile.of(estimate)));
      view.addProperty("secondsOfAll", found.secondsOfAll());
      view.addProperty("seconds", found.seconds());
      views.add(view);
    }
    all.addAll(agreements);
  }

  /** Sums it up. */
  void finish() {
    double share =
        all.stream()
            .mapToDouble(found -> (double) found.passes() / found.passesOfAll())
            .average()
            .orElseThrow();
    long good = all.stream().filter(found -> found.correlation() >= GOOD).count();
    double lowest =
        all.stream()
            .mapToDouble(Agreement::correlation)
            .filter(c -> c <= 1)
            .min()
            .orElse(Double.NaN);
    double seconds = all.stream().mapToDouble(Agreement::seconds).sum();
    double secondsOfAll = all.stream().mapToDouble(Agreement::secondsOfAll).sum();
    json.addProperty("shareOfPasses", share);
    json.addProperty("good", good);
    json.addProperty("lowestCorrelation", Double.isFinite(lowest) ? lowest : null);
    line("");
    line(
        "%d maps: 1/%.1f of the passes on average, 1/%.1f of the time; %d (%.1f %%) correlate at least %.2f, the lowest %.4f",
        all.size(),
        1 / share,
        secondsOfAll / seconds,
        good,
        PER_CENT * good / all.size(),
        GOOD,
        lowest);
  }
}
