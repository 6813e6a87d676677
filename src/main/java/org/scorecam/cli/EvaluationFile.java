package org.scorecam.cli;

import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.scorecam.error.OutputException;
import org.scorecam.file.FileErrors;

/**
 * The results of {@code evaluate}, so that a run that was killed goes on where it was: JSON lines,
 * first the configuration, then a picture each. A line without its end, which a killed run may have
 * left, does not count and is cut off.
 */
final class EvaluationFile implements AutoCloseable {
  private final Path file;
  private final FileChannel channel;

  /** By the picture's file; of several lines the last counts. */
  private final Map<String, JsonObject> pictures = new HashMap<>();

  /**
   * Opens the results, or begins with none.
   *
   * @param file in a folder that exists
   * @param configuration what all results of one file have in common
   * @throws OutputException if the file holds results of another configuration, is another file, is
   *     in use, or cannot be read and written
   */
  static EvaluationFile open(Path file, JsonObject configuration) {
    try {
      FileChannel channel =
          FileChannel.open(
              file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
      try {
        EvaluationFile results = new EvaluationFile(file, channel);
        results.begin(configuration);
        return results;
      } catch (RuntimeException | IOException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw new OutputException("cannot write %s: %s".formatted(file, FileErrors.reasonOf(e)), e);
    }
  }

  private EvaluationFile(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  private void begin(JsonObject configuration) throws IOException {
    try {
      if (channel.tryLock() == null) {
        throw new OverlappingFileLockException();
      }
    } catch (OverlappingFileLockException e) {
      throw new OutputException(
          file + " is being written by another run; wait for it, or name another folder with --out",
          e);
    }
    String text = Files.readString(file);
    String whole = text.substring(0, text.lastIndexOf('\n') + 1);
    List<JsonObject> lines = new ArrayList<>();
    for (String line : whole.lines().toList()) {
      lines.add(parse(line, lines.size() + 1));
    }
    if (lines.size() > 1) {
      requireSame(lines.get(0), configuration);
      lines.subList(1, lines.size()).forEach(this::keep);
      channel.truncate(whole.getBytes(StandardCharsets.UTF_8).length);
      channel.position(channel.size());
    } else {
      // There are no results that could be mixed.
      channel.truncate(0);
      JsonObject first = new JsonObject();
      first.add("configuration", configuration);
      append(first);
    }
  }

  private JsonObject parse(String line, int number) {
    try {
      return JsonParser.parseString(line).getAsJsonObject();
    } catch (JsonParseException | IllegalStateException e) {
      throw new OutputException(
          "line %d of %s is no result of evaluate; delete the file, or name another folder with --out"
              .formatted(number, file),
          e);
    }
  }

  private void requireSame(JsonObject first, JsonObject configuration) {
    JsonObject before = first.getAsJsonObject("configuration");
    if (configuration.equals(before)) {
      return;
    }
    String change = before == null ? "it names none" : firstChange(before, configuration);
    throw new OutputException(
        "%s holds results of another configuration (%s); name another folder with --out, or delete the file to begin anew"
            .formatted(file, change));
  }

  private static String firstChange(JsonObject before, JsonObject now) {
    TreeSet<String> names = new TreeSet<>(before.keySet());
    names.addAll(now.keySet());
    return names.stream()
        .filter(
            name ->
                !Optional.ofNullable(before.get(name)).equals(Optional.ofNullable(now.get(name))))
        .findFirst()
        .map(
            name ->
                "%s was %s and is %s"
                    .formatted(
                        name,
                        before.has(name) ? before.get(name) : "not given",
                        now.has(name) ? now.get(name) : "not given"))
        .orElseThrow();
  }

  private void keep(JsonObject result) {
    pictures.put(result.get("picture").getAsString(), result);
  }

  /** What is known of a picture, unless its file has changed since. */
  Optional<JsonObject> of(JsonObject picture) {
    JsonObject result = pictures.get(picture.get("picture").getAsString());
    return Optional.ofNullable(result)
        .filter(known -> picture.get("file").equals(known.get("file")));
  }

  /** Adds what was found of a picture; when this returns, it is on the disk. */
  void add(JsonObject result) {
    try {
      append(result);
      keep(result);
    } catch (IOException e) {
      throw new OutputException("cannot write %s: %s".formatted(file, FileErrors.reasonOf(e)), e);
    }
  }

  private void append(JsonObject line) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
    channel.force(false);
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new OutputException("cannot write %s: %s".formatted(file, FileErrors.reasonOf(e)), e);
    }
  }
}
