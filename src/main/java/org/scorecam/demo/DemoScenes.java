package org.scorecam.demo;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.scorecam.error.InputException;

/** The scenes that the jar carries, each a PNG file, and {@code scenes.json} with their objects. */
public final class DemoScenes {
  private static final String INDEX = "scenes.json";

  /**
   * A line of the index.
   *
   * @param picture the PNG file's name
   * @param seed what {@link SceneGenerator#scene} made it from
   * @param objects what is in it
   */
  record Entry(String picture, long seed, List<SceneObject> objects) {}

  private DemoScenes() {}

  /**
   * Reads them.
   *
   * @return at least two
   * @throws InputException if this build does not carry them, or they cannot be read
   */
  public static List<Scene> load() {
    List<Scene> scenes = new ArrayList<>();
    for (Entry entry : index()) {
      try (InputStream png = open(entry.picture())) {
        scenes.add(new Scene(ImageIO.read(png), entry.objects()));
      } catch (IOException e) {
        throw unreadable(entry.picture(), e);
      }
    }
    return scenes;
  }

  static List<Entry> index() {
    try (InputStreamReader json = new InputStreamReader(open(INDEX), StandardCharsets.UTF_8)) {
      return new Gson().fromJson(json, new TypeToken<List<Entry>>() {});
    } catch (IOException | JsonParseException e) {
      throw unreadable(INDEX, e);
    }
  }

  /** Draws the scenes of these seeds and writes them with their index. */
  static void write(Path folder, long... seeds) {
    List<Entry> index = new ArrayList<>();
    try {
      for (long seed : seeds) {
        Scene scene = SceneGenerator.scene(seed);
        String picture = "scene-" + (index.size() + 1) + ".png";
        ImageIO.write(scene.image(), "png", folder.resolve(picture).toFile());
        index.add(new Entry(picture, seed, scene.objects()));
      }
      String json = new GsonBuilder().setPrettyPrinting().create().toJson(index);
      Files.writeString(folder.resolve(INDEX), json + "\n");
    } catch (IOException e) {
      throw new UncheckedIOException("the scenes cannot be written to " + folder, e);
    }
  }

  private static InputStream open(String name) {
    InputStream stream = DemoScenes.class.getResourceAsStream(name);
    if (stream == null) {
      throw new InputException("the demo's " + name + " is missing from the class path");
    }
    return stream;
  }

  private static InputException unreadable(String name, Exception cause) {
    return new InputException(
        "the demo's " + name + " cannot be read: " + cause.getMessage(), cause);
  }
}
