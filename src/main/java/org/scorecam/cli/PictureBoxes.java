package org.scorecam.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.scorecam.BoundingBox;
import org.scorecam.error.InputException;
import org.scorecam.file.FileErrors;
import org.scorecam.image.Region;

/**
 * Where pictures show what is explained, as JSON: {@code {"cat.jpg": [[x0, y0, x1, y1], …], …}}, in
 * the picture's pixels. A picture is named as on the command line, or by its file name alone.
 */
final class PictureBoxes {
  static final PictureBoxes NONE = new PictureBoxes(new JsonObject(), null);

  private final JsonObject boxes;
  private final Path file;

  private PictureBoxes(JsonObject boxes, Path file) {
    this.boxes = boxes;
    this.file = file;
  }

  static PictureBoxes read(Path file) {
    try {
      return new PictureBoxes(
          JsonParser.parseString(Files.readString(file)).getAsJsonObject(), file);
    } catch (IOException e) {
      throw new InputException(
          "the file of boxes %s cannot be read: %s".formatted(file, FileErrors.reasonOf(e)), e);
    } catch (JsonParseException | IllegalStateException e) {
      throw new InputException(
          "%s is no JSON of boxes; it should read {\"cat.jpg\": [[x0, y0, x1, y1], …], …}"
              .formatted(file),
          e);
    }
  }

  /** Whether there is something for a picture. */
  boolean has(Path picture) {
    return given(picture) != null;
  }

  private JsonElement given(Path picture) {
    JsonElement named = boxes.get(picture.toString());
    return named == null ? boxes.get(picture.getFileName().toString()) : named;
  }

  /**
   * The boxes of a picture, in the pixels of the network's input; none where none are given.
   *
   * @param seen the part of the picture that the network sees
   * @throws InputException if they are no boxes
   */
  List<BoundingBox> of(Path picture, Region seen, long inputWidth, long inputHeight) {
    JsonElement given = given(picture);
    List<BoundingBox> found = new ArrayList<>();
    if (given == null) {
      return found;
    }
    try {
      for (JsonElement each : given.getAsJsonArray()) {
        JsonArray sides = each.getAsJsonArray();
        if (sides.size() != 4) {
          throw new IllegalStateException("a box has four sides");
        }
        found.add(
            new BoundingBox(
                (sides.get(0).getAsDouble() - seen.x()) * inputWidth / seen.width(),
                (sides.get(1).getAsDouble() - seen.y()) * inputHeight / seen.height(),
                (sides.get(2).getAsDouble() - seen.x()) * inputWidth / seen.width(),
                (sides.get(3).getAsDouble() - seen.y()) * inputHeight / seen.height()));
      }
      return found;
    } catch (RuntimeException e) {
      throw new InputException(
          "%s: the boxes of %s are not [[x0, y0, x1, y1], …] with x0 < x1 and y0 < y1, but %s"
              .formatted(file, picture, given),
          e);
    }
  }
}
