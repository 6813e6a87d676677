package org.scorecam.cli;

import java.util.List;
import java.util.Locale;

/** The demo's results side by side: original, heatmap and overlay for each class. */
final class DemoPage {
  private static final String HEAD =
      """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <title>scorecam demo</title>
      <style>
      body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; }
      figure { display: inline-block; margin: 0 1rem 1rem 0; }
      figcaption { color: #555; font-size: 14px; }
      img { width: 256px; height: 256px; image-rendering: pixelated; display: block; }
      </style>
      </head>
      <body>
      <h1>What the network looked at</h1>
      <p>A small network says which kinds of objects a scene holds. For each object in the scene,
      Score-CAM shows which places spoke for its class.</p>
      """;

  private final StringBuilder body = new StringBuilder();

  /**
   * One explained object.
   *
   * @param kind its class
   * @param stem what the names of its pictures begin with
   * @param energy the share of the map's energy inside its box
   * @param area the share of the picture inside its box
   */
  record Row(String kind, String stem, double energy, double area) {}

  void add(String scene, List<Row> rows) {
    body.append("<h2>").append(scene).append("</h2>\n");
    for (Row row : rows) {
      body.append("<h3>").append(row.kind).append("</h3>\n<div>\n");
      addFigure(scene + ".png", "original");
      addFigure(row.stem + "-heatmap.png", "heatmap");
      addFigure(
          row.stem + "-overlay.png",
          String.format(
              Locale.ROOT,
              "overlay: %.0f %% of the energy in the object's box (%.0f %% of the area)",
              100 * row.energy,
              100 * row.area));
      body.append("</div>\n");
    }
  }

  private void addFigure(String file, String caption) {
    body.append(
        """
        <figure><img src="%s" alt="%s"><figcaption>%s</figcaption></figure>
        """
            .formatted(file, caption, caption));
  }

  String html() {
    return HEAD + body + "</body>\n</html>\n";
  }
}
