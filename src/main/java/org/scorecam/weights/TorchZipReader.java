package org.scorecam.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.zip.ZipEntry;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;
import org.scorecam.weights.Storage.Region;

/**
 * Reads the zip files that {@code torch.save} writes since PyTorch 1.6, {@code torch.jit.save}, and
 * LibTorch's {@code torch::save}.
 *
 * <p>The format ({@code caffe2/serialize/inline_container.h}): all records lie in one folder;
 * {@code data.pkl} is a pickle, {@code data/KEY} a storage's bytes, {@code byteorder}, if it is
 * there, the word {@code little} or {@code big}. These three are never compressed, and begin at
 * multiples of 64 bytes. Records are found by their offsets and never unpacked, so that their names
 * reach no file system.
 */
final class TorchZipReader {
  private static final String BYTE_ORDER = "byteorder";
  private static final byte[] BIG_ENDIAN = "big".getBytes(StandardCharsets.US_ASCII);

  private final FileChannel channel;
  private final Map<String, ZipArchiveEntry> records;
  private final String folder;

  private TorchZipReader(FileChannel channel, Map<String, ZipArchiveEntry> records) {
    this.channel = channel;
    this.records = records;
    String first = records.keySet().stream().findFirst().orElse("");
    this.folder = first.substring(0, first.indexOf('/') + 1);
  }

  /** Whether these first bytes of a file are those of a zip file. */
  static boolean recognises(ByteBuffer head) {
    return head.remaining() >= 4 && head.getInt(0) == 0x504b0304;
  }

  /** The tensors in the file; closes the channel, as commons-compress insists. */
  static Contents read(FileChannel channel, String key) throws IOException {
    try (ZipFile zip = open(channel)) {
      return new TorchZipReader(channel, records(zip)).contents(key);
    }
  }

  private Contents contents(String key) throws IOException {
    Optional<String> foreign = ForeignFile.ofZip(records.keySet(), ForeignFile.Wanted.WEIGHTS);
    if (foreign.isPresent()) {
      throw new MalformedFileException(foreign.get());
    }
    if (records.containsKey(folder + BYTE_ORDER)) {
      FileBytes bytes = bytes(BYTE_ORDER);
      if (Arrays.equals(bytes.bytes(Math.min(bytes.left(), BIG_ENDIAN.length)), BIG_ENDIAN)) {
        throw new MalformedFileException("it was written on a big-endian machine");
      }
    }
    FileBytes pickle = bytes("data.pkl");
    long length = pickle.left();
    Object root = PickleReader.read(pickle, new TorchGlobals());
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    StateDict dict = StateDict.of(root, length, key);
    for (Map.Entry<String, PickledTensor> entry : dict.tensors().entrySet()) {
      PickledTensor tensor = entry.getValue();
      Region region = record("data/" + tensor.storage().key());
      tensors.put(entry.getKey(), tensor.in(region, entry.getKey()));
    }
    return new Contents(dict.key(), tensors, dict.others());
  }

  private FileBytes bytes(String name) throws IOException {
    Region region = record(name);
    return new FileBytes(channel, region.begin(), region.end());
  }

  private Region record(String name) throws IOException {
    ZipArchiveEntry entry = records.get(folder + name);
    if (entry == null) {
      throw new MalformedFileException(
          "it is a zip file without the record '"
              + folder
              + name
              + "', so not one that torch.save or torch.jit.save wrote");
    }
    return region(entry, channel.size());
  }

  private static ZipFile open(FileChannel channel) throws MalformedFileException {
    try {
      return ZipFile.builder().setSeekableByteChannel(channel).get();
    } catch (IOException | RuntimeException e) {
      throw new MalformedFileException(
          "its zip directory cannot be read; the download may have been interrupted: "
              + e.getMessage(),
          e);
    }
  }

  private static Map<String, ZipArchiveEntry> records(ZipFile zip) throws MalformedFileException {
    Map<String, ZipArchiveEntry> records = new LinkedHashMap<>();
    for (ZipArchiveEntry entry : Collections.list(zip.getEntries())) {
      if (records.put(entry.getName(), entry) != null) {
        throw new MalformedFileException(
            "its zip directory has the record '" + entry.getName() + "' twice");
      }
    }
    return records;
  }

  private static Region region(ZipArchiveEntry entry, long fileSize) throws MalformedFileException {
    if (entry.getMethod() != ZipEntry.STORED || entry.getSize() != entry.getCompressedSize()) {
      throw new MalformedFileException(
          "the record '"
              + entry.getName()
              + "' is compressed, which PyTorch never does to weights; pack it again without compression");
    }
    long begin = entry.getDataOffset();
    long size = entry.getSize();
    if (begin < 0 || size < 0 || begin > fileSize || size > fileSize - begin) {
      throw new MalformedFileException(
          String.format(
              "the record '%s' would lie at byte %d and be %d bytes long, but the file has %d",
              entry.getName(), begin, size, fileSize));
    }
    return new Region(begin, begin + size);
  }
}
