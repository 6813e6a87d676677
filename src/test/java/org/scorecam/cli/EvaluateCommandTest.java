package org.scorecam.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.Goldens;
import org.scorecam.image.Picture;

/** {@code evaluate}: what it writes, goes on from, and refuses. */
class EvaluateCommandTest {
  @TempDir Path folder;

  private Path first;
  private Path second;

  @BeforeEach
  void drawPictures() {
    // A name that is quoted in CSV and escaped in HTML.
    first = draw("a,b&c.png", 1);
    second = draw("second.png", 2);
  }

  private Path draw(String name, int seed) {
    byte[] pixels = new byte[64 * 48 * 3];
    new Random(seed).nextBytes(pixels);
    Path file = folder.resolve(name);
    Picture.of(64, 48, pixels).write(file);
    return file;
  }

  private CommandLineRun evaluate(Object... more) {
    List<Object> words =
        new ArrayList<>(List.of("evaluate", "--model", Goldens.file("tinyresnet_script.pt")));
    words.addAll(List.of("--size", "64x64", "--fill", "black", "--steps", 4));
    words.addAll(List.of("--out", folder.resolve("out"), "--json", json()));
    words.addAll(List.of(more));
    return CommandLineRun.of(words.toArray());
  }

  private Path json() {
    return folder.resolve("out.json");
  }

  private JsonObject report() throws IOException {
    return JsonParser.parseString(Files.readString(json())).getAsJsonObject();
  }

  private Path lines() {
    return folder.resolve("out").resolve("results.jsonl");
  }

  private JsonObject map(int picture, int map) throws IOException {
    return report()
        .getAsJsonArray("pictures")
        .get(picture)
        .getAsJsonObject()
        .getAsJsonArray("maps")
        .get(map)
        .getAsJsonObject();
  }

  @Test
  void passesAreLimitedAsInExplain() throws IOException {
    List<Object> common =
        List.of("--image", first, "--layer", "layer3", "--class", 3, "--method", "recipro-cam");
    List<Object> words = new ArrayList<>(common);
    // A method that scores no passes takes none of this.
    words.addAll(List.of("grad-cam", "score-cam --batch 2 --channels max:3"));
    words.addAll(List.of("--batch", 5, "--workers", 1));
    evaluate(words.toArray()).assertDone();
    double drop = map(0, 0).getAsJsonObject("values").get("averageDrop").getAsDouble();

    // The results are the same, and so are those that are known.
    List<Object> others = new ArrayList<>(words.subList(0, words.size() - 4));
    others.addAll(List.of("--memory", "200m"));
    FileTime written = Files.getLastModifiedTime(lines());
    evaluate(others.toArray()).assertDone();
    assertEquals(written, Files.getLastModifiedTime(lines()));
    Files.delete(lines());
    evaluate(others.toArray()).assertDone();
    assertEquals(drop, map(0, 0).getAsJsonObject("values").get("averageDrop").getAsDouble(), 1e-4);

    others.addAll(List.of("--batch", 5));
    evaluate(others.toArray()).assertMisused("--batch and --memory cannot be used together");
    evaluate("--image", first, "--method", "score-cam", "--workers", 0).assertMisused("--workers");
  }

  @Test
  void methodsAndLayersAreSideBySide() throws IOException {
    Path csv = folder.resolve("out.csv");
    Path boxes = folder.resolve("boxes.json");
    Files.writeString(boxes, "{\"second.png\": [[0, 0, 64, 48]]}");
    CommandLineRun run =
        evaluate(
            "--image",
            first,
            second,
            "--layer",
            "layer2,layer3",
            "--csv",
            csv,
            "--boxes",
            boxes,
            "--method",
            "score-cam --channels max:3",
            "recipro-cam --layer layer3");
    run.assertDone();
    assertTrue(run.out().contains("score-cam --channels max:3  layer2"), run.out());

    JsonArray means = report().getAsJsonArray("means");
    assertEquals(3, means.size());
    JsonObject ofRecipro = means.get(2).getAsJsonObject();
    assertEquals("recipro-cam --layer layer3", ofRecipro.get("method").getAsString());
    assertEquals(64, ofRecipro.get("passes").getAsDouble());
    assertEquals(2, ofRecipro.get("maps").getAsInt());
    assertEquals(3, map(0, 0).get("passes").getAsInt());
    assertEquals("layer2", map(0, 0).get("layer").getAsString());
    assertEquals("layer3", map(0, 1).get("layer").getAsString());
    double mean = 0;
    for (int picture = 0; picture < 2; picture++) {
      mean += map(picture, 2).getAsJsonObject("values").get("road").getAsDouble() / 2;
    }
    assertEquals(mean, ofRecipro.get("road").getAsDouble(), 1e-12);
    // The box is the whole picture; the other picture has none.
    assertEquals(1, map(1, 2).getAsJsonObject("values").get("energy").getAsDouble(), 1e-6);
    assertFalse(map(0, 2).getAsJsonObject("values").has("energy"));

    List<String> rows = Files.readAllLines(csv);
    assertEquals(7, rows.size());
    assertTrue(rows.get(0).startsWith("picture,method,layer,recipe,target,class,score,"));
    assertTrue(rows.get(1).startsWith("\"" + first + "\",score-cam --channels max:3,layer2,"));
    assertTrue(rows.get(0).endsWith(",deletion.black,road,energy"), rows.get(0));
    assertTrue(rows.get(1).endsWith(","), rows.get(1));

    String page = Files.readString(folder.resolve("out").resolve("index.html"));
    assertTrue(page.contains("a,b&amp;c.png"), page);
    assertEquals(4, page.split("<svg ", -1).length - 1);
    Matcher shown = Pattern.compile("<img src=\"([^\"]+)\"").matcher(page);
    int figures = 0;
    for (; shown.find(); figures++) {
      assertTrue(Files.exists(folder.resolve("out").resolve(shown.group(1))), shown.group(1));
    }
    assertEquals(8, figures);
  }

  @Test
  void aKilledRunGoesOn() throws IOException {
    String[] asked = {"--layer", "layer3", "--metrics", "average-drop,deletion"};
    List<Object> words = new ArrayList<>(List.of((Object[]) asked));
    words.addAll(List.of("--method", "recipro-cam", "--image", first, second));
    evaluate(words.toArray()).assertDone();
    double firstSeconds = map(0, 0).get("seconds").getAsDouble();
    double secondSeconds = map(1, 0).get("seconds").getAsDouble();
    JsonObject values = map(1, 0).getAsJsonObject("values");
    assertFalse(values.has("road"));

    // Killed while the second picture's line was written.
    String whole = Files.readString(lines());
    Files.writeString(lines(), whole.substring(0, whole.length() - 40));
    evaluate(words.toArray()).assertDone();
    assertEquals(firstSeconds, map(0, 0).get("seconds").getAsDouble());
    assertNotEquals(secondSeconds, map(1, 0).get("seconds").getAsDouble());
    JsonObject again = map(1, 0).getAsJsonObject("values");
    assertEquals(values.keySet(), again.keySet());
    for (String metric : values.keySet()) {
      assertEquals(values.get(metric).getAsDouble(), again.get(metric).getAsDouble(), 1e-5);
    }
    assertEquals(3, Files.readAllLines(lines()).size());

    // A picture that has changed is measured anew.
    draw("a,b&c.png", 3);
    Files.setLastModifiedTime(first, FileTime.fromMillis(1));
    evaluate(words.toArray()).assertDone();
    assertNotEquals(firstSeconds, map(0, 0).get("seconds").getAsDouble());

    words.addAll(List.of("--score", "output"));
    evaluate(words.toArray())
        .assertFails(ExitCode.OTHER, "another configuration", "--score was ", "is \"output\"");
    Files.writeString(lines(), "something else\n");
    evaluate(words.toArray()).assertFails(ExitCode.OTHER, "line 1 of", "is no result");
  }

  @Test
  void aBadPictureIsSkipped() throws IOException {
    Path bad = folder.resolve("bad.png");
    Files.writeString(bad, "no picture");
    CommandLineRun run =
        evaluate(
            "--layer",
            "layer3",
            "--metrics",
            "increase",
            "--method",
            "recipro-cam",
            "--image",
            bad,
            second);
    assertEquals(ExitCode.BAD_INPUT, run.exitCode());
    assertTrue(run.err().contains("bad.png"), run.err());
    assertTrue(run.err().contains("1 of 2 pictures could not be evaluated"), run.err());
    assertEquals(1, report().getAsJsonArray("pictures").size());
  }

  @Test
  void misuseIsTold() throws IOException {
    evaluate("--image", first, "--method", "score-cma").assertMisused("the nearest are score-cam");
    evaluate("--image", first, "--method", "score-cam --chanels all", "--layer", "layer3")
        .assertMisused("--method 'score-cam --chanels all': ", "--chanels");
    evaluate("--image", first, "--method", "recipro-cam").assertMisused("--layer=PATH");
    evaluate("--image", first, "--method", "score-cam", "--metrics", "drop")
        .assertMisused("--metrics", "average-drop");
    Path boxes = folder.resolve("boxes.json");
    Files.writeString(boxes, "{\"third.png\": []}");
    evaluate("--image", first, "--method", "score-cam", "--boxes", boxes)
        .assertFails(ExitCode.BAD_INPUT, "boxes of none of the pictures");
    Files.writeString(boxes, "[1, 2");
    evaluate("--image", first, "--method", "score-cam", "--boxes", boxes)
        .assertFails(ExitCode.BAD_INPUT, "is no JSON of boxes");
  }
}
