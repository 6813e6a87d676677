package org.scorecam.weights;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.EOFException;
import java.io.IOException;
import java.io.StringReader;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/**
 * The index of weights that are spread over several files: JSON whose {@code weight_map} names the
 * file of each tensor, beside it. The names of files are the only ones here that reach the file
 * system, and must lie in the index's own folder.
 */
final class ShardIndex {
  private static final long MAX_LENGTH = 100_000_000;

  private ShardIndex() {}

  /** The names of the tensors in each shard. */
  static Map<Path, List<String>> read(FileChannel channel, Path index) throws IOException {
    FileBytes bytes = new FileBytes(channel, 0, channel.size());
    if (bytes.left() > MAX_LENGTH) {
      throw new MalformedFileException(
          "as an index of shards it is too long: over " + MAX_LENGTH + " bytes");
    }
    String text = new String(bytes.bytes(bytes.left()), StandardCharsets.UTF_8);
    try (JsonReader json = new JsonReader(new StringReader(text))) {
      json.setStrictness(Strictness.STRICT);
      Map<String, List<String>> shards = shards(json);
      return paths(shards, index.toAbsolutePath().getParent());
    } catch (MalformedJsonException | IllegalStateException | EOFException e) {
      throw new MalformedFileException(
          "it is not an index of shards: " + SafetensorsReader.whereIn(e), e);
    }
  }

  private static Map<String, List<String>> shards(JsonReader json) throws IOException {
    Map<String, List<String>> shards = new LinkedHashMap<>();
    json.beginObject();
    while (json.hasNext()) {
      if (json.nextName().equals("weight_map")) {
        json.beginObject();
        while (json.hasNext()) {
          String tensor = json.nextName();
          if (json.peek() != JsonToken.STRING) {
            throw new MalformedFileException(
                "its weight_map has a " + json.peek() + " where a file's name belongs");
          }
          shards.computeIfAbsent(json.nextString(), shard -> new ArrayList<>(1)).add(tensor);
        }
        json.endObject();
      } else {
        json.skipValue();
      }
    }
    json.endObject();
    if (shards.isEmpty()) {
      throw new MalformedFileException(
          "it is JSON, but not an index of shards, since it has no weight_map; give the weight"
              + " file itself");
    }
    return shards;
  }

  private static Map<Path, List<String>> paths(Map<String, List<String>> shards, Path folder)
      throws MalformedFileException {
    Map<Path, List<String>> paths = new LinkedHashMap<>();
    LinkedHashSet<String> missing = new LinkedHashSet<>();
    for (Map.Entry<String, List<String>> shard : shards.entrySet()) {
      Path path = inside(folder, shard.getKey());
      if (!Files.isRegularFile(path)) {
        missing.add(shard.getKey());
      }
      paths.put(path, shard.getValue());
    }
    if (!missing.isEmpty()) {
      throw new MalformedFileException(
          "it is an index of "
              + (shards.size() == 1 ? "1 shard, which is" : shards.size() + " shards, of which ")
              + (shards.size() == 1 ? "" : missing.size() == 1 ? "1 is" : missing.size() + " are")
              + " not beside it: "
              + NameList.of(missing)
              + "; put all of them into its folder");
    }
    return paths;
  }

  private static Path inside(Path folder, String name) throws MalformedFileException {
    boolean plain = name.matches("[^/\\\\:]+") && !name.equals(".") && !name.equals("..");
    try {
      if (plain) {
        return folder.resolve(name);
      }
    } catch (InvalidPathException e) {
      throw new MalformedFileException(
          "it names the shard '" + name + "', which is not a file name", e);
    }
    throw new MalformedFileException(
        "it names the shard '" + name + "'; shards must lie in the index's own folder");
  }
}
