package org.scorecam.weights;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.scorecam.weights.Storage.Region;

/**
 * Reads what {@code torch.save} wrote before PyTorch 1.6, as several of torchvision's published
 * files still are.
 *
 * <p>The format ({@code torch/serialization.py}, {@code _legacy_save}): five pickles, which are a
 * magic number, the format's version, properties of the machine, the object, and the keys of its
 * storages; then each storage in that order, as its number of elements in 64 bits and its bytes.
 */
final class TorchLegacyReader {
  private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
  private static final long VERSION = 1001;

  private TorchLegacyReader() {}

  /** Whether these first bytes of a file are those of a pickle. */
  static boolean recognises(ByteBuffer head) {
    return head.remaining() >= 2
        && head.get(0) == (byte) 0x80
        && head.get(1) >= 2
        && head.get(1) <= 5;
  }

  static Contents read(FileChannel channel, String key) throws IOException {
    FileBytes bytes = new FileBytes(channel, 0, channel.size());
    TorchGlobals globals = new TorchGlobals();
    if (!MAGIC.equals(PickleReader.read(bytes, globals))
        || !Long.valueOf(VERSION).equals(PickleReader.read(bytes, globals))) {
      throw new MalformedFileException(
          "it is a pickle, but not one that torch.save wrote; save the network's weights with"
              + " torch.save(model.state_dict(), FILE)");
    }
    if (PickleReader.read(bytes, globals) instanceof Map<?, ?> machine
        && Boolean.FALSE.equals(machine.get("little_endian"))) {
      throw new MalformedFileException("it was written on a big-endian machine");
    }
    long begin = bytes.position();
    Object root = PickleReader.read(bytes, globals);
    StateDict dict = StateDict.of(root, bytes.position() - begin, key);
    if (!(PickleReader.read(bytes, globals) instanceof List<?> keys)) {
      throw new MalformedFileException("it does not list its storages");
    }
    Map<String, Region> regions = regions(bytes, keys, globals);
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    for (Map.Entry<String, PickledTensor> entry : dict.tensors().entrySet()) {
      Region region = regions.get(entry.getValue().storage().key());
      if (region == null) {
        throw new MalformedFileException(
            "the storage of tensor '" + entry.getKey() + "' is missing");
      }
      tensors.put(entry.getKey(), entry.getValue().in(region, entry.getKey()));
    }
    return new Contents(dict.key(), tensors, dict.others());
  }

  private static Map<String, Region> regions(FileBytes bytes, List<?> keys, TorchGlobals globals)
      throws IOException {
    Map<String, Region> regions = new HashMap<>();
    for (Object key : keys) {
      Storage storage = key instanceof String name ? globals.storages().get(name) : null;
      if (storage == null && skipOther(bytes, key, globals)) {
        continue;
      }
      if (storage == null) {
        throw new MalformedFileException(
            "it lists " + PickleReader.describe(key) + ", which is not the key of a storage");
      }
      long elements = bytes.int64();
      if (elements != storage.elements()) {
        throw new MalformedFileException(
            String.format(
                "storage '%s' has %d elements here and %d in the pickle",
                key, elements, storage.elements()));
      }
      long begin = bytes.position();
      bytes.skip(storage.bytes());
      if (regions.put(storage.key(), new Region(begin, bytes.position())) != null) {
        throw new MalformedFileException("it lists storage '" + key + "' twice");
      }
    }
    return regions;
  }

  /** Passes over a storage that no weight is in, if it is one of those whose size is known. */
  private static boolean skipOther(FileBytes bytes, Object key, TorchGlobals globals)
      throws IOException {
    OptionalInt elementBytes =
        key instanceof String name ? globals.otherElementBytes(name) : OptionalInt.empty();
    if (elementBytes.isPresent()) {
      long elements = bytes.int64();
      if (elements > bytes.left()) {
        throw new MalformedFileException(
            "storage '%s' has %d elements, more than the file has bytes".formatted(key, elements));
      }
      bytes.skip(elements * elementBytes.getAsInt());
    }
    return elementBytes.isPresent();
  }
}
