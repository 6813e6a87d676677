package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.runtime.Device;
import org.scorecam.tensor.NpyFile;
import org.scorecam.tensor.Tensors;

/** The golden networks, inputs and maps; see the README beside them. */
public final class Goldens {
  /** Where they lie; another folder of the same form can be named. */
  private static final Path FOLDER =
      Path.of(System.getProperty("scorecam.goldens", "src/test/resources/goldens"));

  private Goldens() {}

  /** One case: its JSON. */
  public record Case(JsonObject json) {
    public String text(String key) {
      return json.get(key).getAsString();
    }

    public Path path(String key) {
      return file(text(key));
    }

    public Recipe recipe() {
      return Recipe.named(text("recipe"));
    }

    public ChannelSelection channels() {
      return json.has("cskip")
          ? ChannelSelection.topMax(json.get("cskip").getAsLong())
          : ChannelSelection.all();
    }

    public Target target() {
      JsonObject target = json.getAsJsonObject("target");
      Target chosen;
      if (target.has("index")) {
        JsonArray cell = target.getAsJsonArray("index");
        chosen =
            Target.at(cell.get(0).getAsLong(), cell.get(1).getAsLong(), cell.get(2).getAsLong());
      } else if (target.has("reduce")) {
        assertEquals("mean over H and W", target.get("reduce").getAsString());
        chosen = Target.meanOf(target.get("class").getAsLong());
      } else {
        chosen = Target.ofClass(target.get("class").getAsLong());
      }
      if (!target.has("output")) {
        return chosen;
      }
      boolean position = target.getAsJsonPrimitive("output").isNumber();
      return position
          ? chosen.from(target.get("output").getAsInt())
          : chosen.from(target.get("output").getAsString());
    }

    @Override
    public String toString() {
      return text("case");
    }
  }

  /** All cases of the folder but those of other methods. */
  public static List<Case> cases() throws IOException {
    List<Case> cases = new ArrayList<>();
    try (Reader json = Files.newBufferedReader(file("cases.json"))) {
      for (JsonElement element : JsonParser.parseReader(json).getAsJsonArray()) {
        if (!element.getAsJsonObject().has("method")) {
          cases.add(new Case(element.getAsJsonObject()));
        }
      }
    }
    return cases;
  }

  public static Path file(String name) {
    return FOLDER.resolve(name);
  }

  public static HookedModel model(String name) {
    return TorchScriptModel.load(file(name), Device.cpu());
  }

  public static Tensor tensor(String name) {
    return NpyFile.read(file(name));
  }

  /** Asserts that values lie within a part of the expected values' range. */
  public static void assertClose(Tensor expected, Tensor actual, double tolerance) {
    assertEquals(
        withoutOnes(Tensors.shapeOf(expected)), withoutOnes(Tensors.shapeOf(actual)), "shape");
    assertClose(Tensors.toArray(expected), Tensors.toArray(actual), tolerance);
  }

  public static void assertClose(float[] expected, float[] actual, double tolerance) {
    assertEquals(expected.length, actual.length);
    double error = relativeError(expected, actual);
    assertTrue(error <= tolerance, () -> "off by " + error + " of the range, not " + tolerance);
  }

  /** The largest difference as a part of the expected values' range; NaN where a value is NaN. */
  public static double relativeError(float[] expected, float[] actual) {
    double lowest = Double.POSITIVE_INFINITY;
    double highest = Double.NEGATIVE_INFINITY;
    double worst = 0;
    for (int i = 0; i < expected.length; i++) {
      lowest = Math.min(lowest, expected[i]);
      highest = Math.max(highest, expected[i]);
      worst = Math.max(worst, Math.abs((double) expected[i] - actual[i]));
    }
    return worst == 0 ? 0 : worst / (highest - lowest);
  }

  private static String withoutOnes(String shape) {
    return shape.replaceAll("\\b1, ", "");
  }
}
