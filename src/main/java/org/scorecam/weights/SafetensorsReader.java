package org.scorecam.weights;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.EOFException;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads the header of a {@code .safetensors} file.
 *
 * <p>The format (github.com/huggingface/safetensors, README): the header's length as 64 bits,
 * little-endian; the header, a JSON object from each tensor's name to its {@code dtype}, {@code
 * shape} and {@code data_offsets} [begin, end) into what follows; then the elements, dense and
 * row-major. As the format demands, the tensors must cover all that follows, without holes and
 * without overlap, and no name may come twice.
 */
final class SafetensorsReader {
  /** The reference implementation's own limit. */
  private static final long MAX_HEADER = 100_000_000;

  private static final String METADATA = "__metadata__";

  private final long begin;
  private final long size;

  private SafetensorsReader(long begin, long size) {
    this.begin = begin;
    this.size = size;
  }

  /** Whether these first bytes of a file can be those of this format. */
  static boolean recognises(ByteBuffer head) {
    return head.remaining() > Long.BYTES && head.get(Long.BYTES) == '{' && isLength(head);
  }

  /** Whether the first eight bytes are less than 2^40, or nonsense, but not text. */
  private static boolean isLength(ByteBuffer head) {
    return head.get(5) <= 0 || head.get(6) <= 0 || head.get(7) <= 0;
  }

  static Map<String, StoredTensor> read(FileChannel channel) throws IOException {
    long size = channel.size();
    FileBytes bytes = new FileBytes(channel, 0, size);
    long length = bytes.int64();
    if (length < 0 || length > bytes.left()) {
      throw new MalformedFileException(
          String.format(
              "its header is said to be %s bytes long, but the file has %d; download it again if it was cut"
                  + " short",
              Long.toUnsignedString(length), size));
    }
    if (length > MAX_HEADER) {
      throw new MalformedFileException(
          "its header is " + length + " bytes long; at most " + MAX_HEADER);
    }
    SafetensorsReader reader = new SafetensorsReader(Long.BYTES + length, size);
    String header = decode(bytes.bytes(length));
    try (JsonReader json = new JsonReader(new StringReader(header))) {
      json.setStrictness(Strictness.STRICT);
      return reader.header(json);
    } catch (MalformedJsonException | IllegalStateException | EOFException e) {
      throw new MalformedFileException(
          "its header is not a JSON object of tensors: " + whereIn(e), e);
    }
  }

  /** What Gson says of malformed JSON, without its advice to programmers. */
  static String whereIn(Exception e) {
    return String.valueOf(e.getMessage())
        .replaceFirst("^Use JsonReader\\S* to accept malformed JSON", "malformed JSON")
        .replaceFirst("(?s)\\s*See https?:.*", "");
  }

  private Map<String, StoredTensor> header(JsonReader json) throws IOException {
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    boolean metadata = false;
    json.beginObject();
    while (json.hasNext()) {
      String name = json.nextName();
      boolean again;
      if (name.equals(METADATA)) {
        again = metadata;
        metadata = true;
        skipMetadata(json);
      } else {
        again = tensors.put(name, tensor(name, json)) != null;
      }
      if (again) {
        throw new MalformedFileException("'" + name + "' comes twice in the header");
      }
    }
    json.endObject();
    if (json.peek() != JsonToken.END_DOCUMENT) {
      throw new MalformedFileException("its header goes on after the JSON object");
    }
    requireSeamless(tensors);
    return tensors;
  }

  /** Strings by name: for people, not for us. */
  private static void skipMetadata(JsonReader json) throws IOException {
    json.beginObject();
    while (json.hasNext()) {
      json.skipValue(); // Its name.
      requireToken(json, JsonToken.STRING, METADATA);
      json.skipValue();
    }
    json.endObject();
  }

  private StoredTensor tensor(String name, JsonReader json) throws IOException {
    DType dtype = null;
    List<Long> shape = null;
    List<Long> offsets = null;
    json.beginObject();
    while (json.hasNext()) {
      String key = json.nextName();
      boolean again;
      switch (key) {
        case "dtype" -> {
          again = dtype != null;
          dtype = dtype(name, json);
        }
        case "shape" -> {
          again = shape != null;
          shape = integers(name, json);
        }
        case "data_offsets" -> {
          again = offsets != null;
          offsets = integers(name, json);
        }
        default ->
            throw new MalformedFileException(
                "tensor '" + name + "' has an unknown field '" + key + "'");
      }
      if (again) {
        throw new MalformedFileException("tensor '" + name + "' has the field '" + key + "' twice");
      }
    }
    json.endObject();
    if (dtype == null || shape == null || offsets == null || offsets.size() != 2) {
      throw new MalformedFileException(
          "tensor '" + name + "' needs a dtype, a shape and two data_offsets");
    }
    return stored(name, new TensorInfo(dtype, shape), offsets.get(0), offsets.get(1));
  }

  private StoredTensor stored(String name, TensorInfo info, long from, long to)
      throws MalformedFileException {
    if (from > to || to > size - begin) {
      throw new MalformedFileException(
          String.format(
              "tensor '%s' has the data_offsets [%d, %d], but the file has %d bytes of data; the"
                  + " download may have been interrupted",
              name, from, to, size - begin));
    }
    StoredTensor tensor = StoredTensor.dense(name, info, begin + from, begin + to);
    if (tensor.span() != to - from) {
      throw new MalformedFileException(
          String.format(
              "tensor '%s' (%s) takes %d bytes, but its data_offsets [%d, %d] span %d",
              name, info, tensor.span(), from, to, to - from));
    }
    return tensor;
  }

  private void requireSeamless(Map<String, StoredTensor> tensors) throws MalformedFileException {
    List<Map.Entry<String, StoredTensor>> byPosition = new ArrayList<>(tensors.entrySet());
    byPosition.sort(
        Comparator.comparingLong(
                (Map.Entry<String, StoredTensor> entry) -> entry.getValue().position())
            .thenComparingLong(entry -> entry.getValue().span()));
    long covered = begin;
    for (Map.Entry<String, StoredTensor> entry : byPosition) {
      long position = entry.getValue().position();
      if (position != covered) {
        throw new MalformedFileException(
            String.format(
                "tensor '%s' begins at byte %d of the data, %s the one before it, which ends at %d",
                entry.getKey(),
                position - begin,
                position < covered ? "overlapping" : "leaving a gap after",
                covered - begin));
      }
      covered += entry.getValue().span();
    }
    if (covered != size) {
      throw new MalformedFileException(
          String.format(
              "its tensors end at byte %d of the data, which has %d",
              covered - begin, size - begin));
    }
  }

  private static DType dtype(String name, JsonReader json) throws IOException {
    requireToken(json, JsonToken.STRING, name);
    String spelling = json.nextString();
    DType dtype = DType.ofSafetensors(spelling);
    if (dtype == null) {
      throw new MalformedFileException(
          "tensor '" + name + "' has the dtype '" + spelling + "', which is not supported");
    }
    return dtype;
  }

  private static List<Long> integers(String name, JsonReader json) throws IOException {
    List<Long> values = new ArrayList<>();
    json.beginArray();
    while (json.hasNext()) {
      requireToken(json, JsonToken.NUMBER, name);
      String digits = json.nextString();
      try {
        // Gson would take 1.0 and 1e0 for integers too; the reference does not.
        values.add(Long.parseUnsignedLong(digits));
      } catch (NumberFormatException e) {
        throw new MalformedFileException(
            "tensor '" + name + "' has the size or offset " + digits, e);
      }
    }
    json.endArray();
    if (values.stream().anyMatch(value -> value < 0)) {
      throw new MalformedFileException("tensor '" + name + "' has a size or offset beyond 63 bits");
    }
    return values;
  }

  private static void requireToken(JsonReader json, JsonToken wanted, String name)
      throws IOException {
    JsonToken found = json.peek();
    if (found != wanted) {
      throw new MalformedFileException(
          String.format("'%s' has a %s where a %s belongs", name, found, wanted));
    }
  }

  private static String decode(byte[] utf8) throws MalformedFileException {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
    } catch (CharacterCodingException e) {
      throw new MalformedFileException("its header is not UTF-8", e);
    }
  }
}
