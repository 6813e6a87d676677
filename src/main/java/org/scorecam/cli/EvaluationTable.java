package org.scorecam.cli;

import static java.util.stream.Collectors.joining;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.Stream;
import org.scorecam.eval.MapScores;

/** What {@code evaluate} found: the numbers of each map, and their means for each method. */
final class EvaluationTable {
  private static final double MILLISECONDS = 1e3;

  private final List<JsonObject> pictures;
  private final List<String> metrics;
  private final List<Row> rows = new ArrayList<>();

  /**
   * One method at one layer.
   *
   * @param maps how many were measured
   * @param means of each metric, over the maps that it could be measured of
   * @param passes mean of the explanations
   * @param milliseconds median of the explanations
   */
  record Row(
      String method,
      String layer,
      int maps,
      Map<String, Double> means,
      double passes,
      double milliseconds) {}

  /** Of the results of pictures, as {@link EvaluateCommand} keeps them. */
  EvaluationTable(List<JsonObject> pictures) {
    this.pictures = pictures;
    Map<List<String>, List<JsonObject>> ofMethods = new LinkedHashMap<>();
    for (JsonObject picture : pictures) {
      for (JsonObject map : mapsOf(picture)) {
        ofMethods.computeIfAbsent(keyOf(map), key -> new ArrayList<>()).add(map);
      }
    }
    this.metrics =
        MapScores.names().stream()
            .filter(
                name ->
                    ofMethods.values().stream().anyMatch(maps -> meanOf(maps, name).isPresent()))
            .toList();
    ofMethods.forEach((key, maps) -> rows.add(rowOf(key, maps)));
  }

  private static List<String> keyOf(JsonObject map) {
    return List.of(map.get("method").getAsString(), map.get("layer").getAsString());
  }

  private Row rowOf(List<String> key, List<JsonObject> maps) {
    Map<String, Double> means = new LinkedHashMap<>();
    for (String metric : metrics) {
      meanOf(maps, metric).ifPresent(mean -> means.put(metric, mean));
    }
    double passes =
        maps.stream().mapToDouble(map -> map.get("passes").getAsDouble()).average().orElseThrow();
    double[] seconds =
        maps.stream().mapToDouble(map -> map.get("seconds").getAsDouble()).sorted().toArray();
    int last = seconds.length - 1;
    double median = (seconds[last / 2] + seconds[(last + 1) / 2]) / 2;
    return new Row(key.get(0), key.get(1), maps.size(), means, passes, median * MILLISECONDS);
  }

  private static OptionalDouble meanOf(List<JsonObject> maps, String metric) {
    return maps.stream()
        .map(map -> map.getAsJsonObject("values").get(metric))
        .filter(value -> value != null)
        .mapToDouble(JsonElement::getAsDouble)
        .average();
  }

  /** The maps of a picture. */
  static List<JsonObject> mapsOf(JsonObject picture) {
    List<JsonObject> maps = new ArrayList<>();
    picture.getAsJsonArray("maps").forEach(map -> maps.add(map.getAsJsonObject()));
    return maps;
  }

  /** Whether more of a metric is better. */
  static boolean risesWithQuality(String metric) {
    return !metric.equals("averageDrop")
        && !metric.equals("complexity")
        && !metric.startsWith("deletion");
  }

  List<JsonObject> pictures() {
    return pictures;
  }

  /** Those that were measured. */
  List<String> metrics() {
    return metrics;
  }

  List<Row> rows() {
    return rows;
  }

  /** The best mean of a metric. */
  double best(String metric) {
    Stream<Double> means = rows.stream().map(row -> row.means.get(metric)).filter(m -> m != null);
    return (risesWithQuality(metric) ? means.max(Double::compare) : means.min(Double::compare))
        .orElse(Double.NaN);
  }

  /** The means, a method a line. */
  void print(PrintWriter out) {
    List<List<String>> lines = new ArrayList<>();
    List<String> head = new ArrayList<>(List.of("method", "layer", "maps"));
    metrics.forEach(metric -> head.add(metric + (risesWithQuality(metric) ? "" : "*")));
    head.addAll(List.of("passes", "ms"));
    lines.add(head);
    for (Row row : rows) {
      List<String> line = new ArrayList<>(List.of(row.method, row.layer, "" + row.maps));
      metrics.forEach(metric -> line.add(number("%.4f", row.means.get(metric))));
      line.add(number("%.0f", row.passes));
      line.add(number("%.1f", row.milliseconds));
      lines.add(line);
    }
    int[] widths = new int[head.size()];
    lines.forEach(
        line -> {
          for (int i = 0; i < widths.length; i++) {
            widths[i] = Math.max(widths[i], line.get(i).length());
          }
        });
    for (List<String> line : lines) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        // Names to the left, numbers to the right.
        String format = "%" + (i < 2 ? "-" : "") + widths[i] + "s";
        text.append(i == 0 ? "" : "  ").append(String.format(format, line.get(i)));
      }
      out.println(text);
    }
    out.println("means over the maps, of ms the median; * less is better");
  }

  private static String number(String format, Double value) {
    return value == null ? "-" : String.format(Locale.ROOT, format, value);
  }

  /** The numbers of each map: RFC 4180, with a line of names. */
  String csv() {
    List<String> facts =
        List.of("method", "layer", "recipe", "target", "class", "score", "passes", "seconds");
    StringBuilder text = new StringBuilder();
    text.append(
        Stream.of(List.of("picture"), facts, metrics)
            .flatMap(List::stream)
            .map(EvaluationTable::quoted)
            .collect(joining(",", "", "\r\n")));
    for (JsonObject picture : pictures) {
      for (JsonObject map : mapsOf(picture)) {
        Stream<JsonElement> values =
            Stream.of(
                    Stream.of(picture.get("picture")),
                    facts.stream().map(map::get),
                    metrics.stream().map(map.getAsJsonObject("values")::get))
                .flatMap(cells -> cells);
        text.append(
            values
                .map(value -> value == null ? "" : quoted(value.getAsString()))
                .collect(joining(",", "", "\r\n")));
      }
    }
    return text.toString();
  }

  private static String quoted(String text) {
    return text.matches("[^\",\r\n]*") ? text : '"' + text.replace("\"", "\"\"") + '"';
  }

  /** Everything. */
  JsonObject json(JsonObject configuration) {
    JsonArray means = new JsonArray();
    for (Row row : rows) {
      JsonObject mean = new JsonObject();
      mean.addProperty("method", row.method);
      mean.addProperty("layer", row.layer);
      mean.addProperty("maps", row.maps);
      row.means.forEach(mean::addProperty);
      mean.addProperty("passes", row.passes);
      mean.addProperty("milliseconds", row.milliseconds);
      means.add(mean);
    }
    JsonArray all = new JsonArray();
    pictures.forEach(all::add);
    JsonObject json = new JsonObject();
    json.add("configuration", configuration);
    json.add("means", means);
    json.add("pictures", all);
    return json;
  }
}
