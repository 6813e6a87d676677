package org.scorecam.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The page of {@code evaluate}: the means, and for each picture and target the maps of all methods
 * side by side, over the curves of insertion and deletion.
 */
final class EvaluationPage {
  private static final String HEAD =
      """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <title>scorecam evaluate</title>
      <style>
      body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #f6f6f4; margin: 2rem auto; max-width: 80rem; padding: 0 1.5rem; }
      h1 { margin-bottom: 0; } h2 { margin: 0 0 .75rem; font-size: 1.15rem; } h2 span { color: #666; font-weight: normal; }
      .hint { color: #666; font-size: 13px; margin: .5rem 0 1rem; }
      section { background: #fff; border: 1px solid #e2e2de; border-radius: 8px; padding: 1rem 1.25rem; margin: 1.25rem 0; overflow-x: auto; }
      table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
      th, td { padding: .3rem .5rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #eee; }
      th { color: #666; font-weight: 600; font-size: 13px; vertical-align: bottom; white-space: normal; }
      th.name, td.name { text-align: left; white-space: normal; }
      td.best { font-weight: 700; background: #eef5ea; }
      .row { display: flex; flex-wrap: wrap; gap: 1rem; }
      figure { margin: 0; width: 13rem; }
      figure img { width: 100%; height: 13rem; object-fit: contain; background: #efefec; border-radius: 4px; display: block; }
      figcaption { font-size: 13px; margin-top: .35rem; } figcaption span { color: #666; display: block; }
      .mark { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; }
      svg { display: block; } svg text { font: 11px system-ui, sans-serif; fill: #666; } svg .title { font-size: 13px; fill: #222; }
      .charts { margin-top: 1rem; }
      </style>
      </head>
      <body>
      """;

  /** Okabe and Ito's colours, which colour-blind people can tell apart. */
  private static final List<String> COLOURS =
      List.of("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000");

  private static final int CHART_WIDTH = 270;
  private static final int CHART_HEIGHT = 170;
  private static final int LEFT = 34;
  private static final int TOP = 24;
  private static final int RIGHT = 8;
  private static final int BOTTOM = 22;

  private final StringBuilder body = new StringBuilder(HEAD);
  private final EvaluationTable table;
  private final Labels labels;

  EvaluationPage(String network, EvaluationTable table, Labels labels) {
    this.table = table;
    this.labels = labels;
    add("<h1>How good are the maps?</h1>%n");
    add(
        "<p class=\"hint\">%s, %s. What each number is, and where it comes from, is told in the"
            + " documentation, under <i>Evaluation</i>.</p>%n",
        text(network),
        table.pictures().size() == 1 ? "1 picture" : table.pictures().size() + " pictures");
    addMeans();
    table.pictures().forEach(this::addPicture);
    add("</body>%n</html>%n");
  }

  String html() {
    return body.toString();
  }

  private void add(String format, Object... values) {
    body.append(String.format(Locale.ROOT, format, values));
  }

  private static String text(String any) {
    return any.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }

  private static String headOf(String metric) {
    String words = metric.replace('.', ' ').replaceAll("([A-Z])", " $1").toLowerCase(Locale.ROOT);
    String name =
        words.equals("adcc") || words.equals("road") ? words.toUpperCase(Locale.ROOT) : words;
    return name + (EvaluationTable.risesWithQuality(metric) ? " ↑" : " ↓");
  }

  private void addMeans() {
    add("<section><table>%n<tr><th class=\"name\">method</th><th class=\"name\">layer</th>");
    table.metrics().forEach(metric -> add("<th>%s</th>", headOf(metric)));
    add("<th>passes</th><th>ms</th></tr>%n");
    for (EvaluationTable.Row row : table.rows()) {
      add(
          "<tr><td class=\"name\">%s</td><td class=\"name\">%s</td>",
          text(row.method()), text(row.layer()));
      for (String metric : table.metrics()) {
        Double mean = row.means().get(metric);
        if (mean == null) {
          add("<td>–</td>");
        } else {
          String best = mean == table.best(metric) ? " class=\"best\"" : "";
          add("<td%s>%.3f</td>", best, mean);
        }
      }
      add("<td>%.0f</td><td>%.0f</td></tr>%n", row.passes(), row.milliseconds());
    }
    add("</table>%n");
    add(
        "<p class=\"hint\">Means over the maps, of ms the median. ↑ more is better, ↓ less is better;"
            + " the best of each is shaded.</p></section>%n");
  }

  private void addPicture(JsonObject picture) {
    Map<String, List<JsonObject>> byTarget = new TreeMap<>();
    for (JsonObject map : EvaluationTable.mapsOf(picture)) {
      byTarget
          .computeIfAbsent(map.get("target").getAsString(), target -> new ArrayList<>())
          .add(map);
    }
    byTarget.forEach((target, maps) -> addTarget(picture, target, maps));
  }

  private void addTarget(JsonObject picture, String target, List<JsonObject> maps) {
    JsonObject first = maps.get(0);
    String label =
        first.has("class") ? labels.of(OptionalLong.of(first.get("class").getAsLong())) : null;
    add(
        "<section><h2>%s <span>%s%s, score %.3f</span></h2>%n<div class=\"row\">%n",
        text(picture.get("picture").getAsString()),
        text(target),
        label == null ? "" : " (" + text(label) + ")",
        first.get("score").getAsDouble());
    addFigure(picture.get("shown").getAsString(), "picture", "&nbsp;");
    for (int i = 0; i < maps.size(); i++) {
      JsonObject map = maps.get(i);
      addFigure(
          map.get("overlay").getAsString(),
          "<i class=\"mark\" style=\"background:%s\"></i>%s"
              .formatted(colour(i), text(map.get("method").getAsString())),
          text(map.get("layer").getAsString()) + numbers(map.getAsJsonObject("values")));
    }
    add("</div>%n<div class=\"row charts\">%n");
    for (String change : List.of("insertion", "deletion")) {
      TreeSet<String> fills = new TreeSet<>(first.getAsJsonObject(change).keySet());
      fills.forEach(fill -> addChart(change, fill, maps));
    }
    add("</div></section>%n");
  }

  private static String colour(int method) {
    return COLOURS.get(method % COLOURS.size());
  }

  private static String numbers(JsonObject values) {
    StringBuilder text = new StringBuilder();
    for (String metric : List.of("averageDrop", "adcc", "road", "energy")) {
      if (values.has(metric)) {
        String name = headOf(metric).replaceFirst("^average ", "").replaceFirst(" .$", "");
        text.append(
            String.format(Locale.ROOT, " · %s %.2f", name, values.get(metric).getAsDouble()));
      }
    }
    return text.toString();
  }

  private void addFigure(String file, String name, String facts) {
    add(
        "<figure><a href=\"%s\"><img src=\"%s\" alt=\"\" loading=\"lazy\"></a>"
            + "<figcaption>%s<span>%s</span></figcaption></figure>%n",
        file, file, name, facts);
  }

  /** Scores from 0 to the highest of all, over the part of the pixels, a line for each method. */
  private void addChart(String change, String fill, List<JsonObject> maps) {
    double most =
        maps.stream()
            .flatMap(map -> numbersOf(map, change, fill, "scores").stream())
            .reduce(0.0, Math::max);
    double least =
        maps.stream()
            .flatMap(map -> numbersOf(map, change, fill, "scores").stream())
            .reduce(0.0, Math::min);
    double range = most > least ? most - least : 1;
    int right = CHART_WIDTH - RIGHT;
    int bottom = CHART_HEIGHT - BOTTOM;
    add(
        "<svg width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"%s, %s\">",
        CHART_WIDTH, CHART_HEIGHT, change, fill);
    add("<text class=\"title\" x=\"%d\" y=\"14\">%s, %s</text>", LEFT, change, fill);
    add("<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#bbb\"/>", LEFT, TOP, bottom, right);
    add("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.2f</text>", LEFT - 4, TOP + 8, most);
    add("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.2f</text>", LEFT - 4, bottom, least);
    add("<text x=\"%d\" y=\"%d\">0 %%</text>", LEFT, CHART_HEIGHT - 6);
    add(
        "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">100 %% of the pixels</text>",
        right, CHART_HEIGHT - 6);
    for (int i = 0; i < maps.size(); i++) {
      List<Double> fractions = numbersOf(maps.get(i), change, fill, "fractions");
      List<Double> scores = numbersOf(maps.get(i), change, fill, "scores");
      StringBuilder points = new StringBuilder();
      for (int p = 0; p < fractions.size(); p++) {
        double x = LEFT + fractions.get(p) * (right - LEFT);
        double y = bottom - (scores.get(p) - least) / range * (bottom - TOP);
        points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x, y));
      }
      add(
          "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\""
              + " stroke-linejoin=\"round\"/>",
          points.toString().strip(), colour(i));
    }
    add("</svg>%n");
  }

  private static List<Double> numbersOf(JsonObject map, String change, String fill, String which) {
    JsonObject curve = map.getAsJsonObject(change).getAsJsonObject(fill);
    JsonArray array = curve == null ? new JsonArray() : curve.getAsJsonArray(which);
    List<Double> numbers = new ArrayList<>();
    array.forEach(number -> numbers.add(number.getAsDouble()));
    return numbers;
  }
}
