package org.scorecam.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.ModelException;
import org.scorecam.error.NativeErrors;
import org.scorecam.runtime.LibTorch;

/**
 * The tensors in a file of weights: which there are, and each on demand.
 *
 * <p>The format is told by the file's content, never by its name:
 *
 * <ul>
 *   <li>{@code .safetensors};
 *   <li>what {@code torch.save} writes, as a zip file or in the form before PyTorch 1.6: a state
 *       dict; a checkpoint's dict with weights at any key, which must be given if there are
 *       several; a whole module, whose parameters and buffers are read as its state dict would have
 *       them;
 *   <li>a TorchScript file, whose parameters and buffers (and plain tensor attributes) have the
 *       names of its modules' attributes; its code is not looked at;
 *   <li>an archive of LibTorch's {@code torch::save};
 *   <li>the {@code .index.json} of weights in several files, or the folder that has it.
 * </ul>
 *
 * <p>Opening reads the names, dtypes and shapes, and checks that each tensor lies in the file.
 * Nothing that a pickle or a program in the file asks for is run: objects of classes other than the
 * dozen that weights need are read as data and do nothing. The file is then mapped into memory, so
 * that its pages are read when a tensor's elements are, and no copy of the weights is made. The
 * file must not become shorter while it is open or a tensor of it is.
 *
 * <p>Safe for use by several threads, but for {@link #close()} beside other calls.
 */
public final class WeightFile implements AutoCloseable {
  /** How a file holds its tensors. */
  public enum Format {
    /** {@code .safetensors}. */
    SAFETENSORS,
    /** A zip file of {@code torch.save}, {@code torch.jit.save} or {@code torch::save}. */
    TORCH_ZIP,
    /** What {@code torch.save} wrote before PyTorch 1.6. */
    TORCH_LEGACY,
    /** The {@code .index.json} of several files. */
    SHARDS
  }

  /** A tensor and the file that it is in. */
  private record Located(MappedFile file, StoredTensor tensor) {}

  private final Path path;
  private Format format;
  private String key = "";
  private final Map<String, Located> stored = new LinkedHashMap<>();
  private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();
  private final Map<String, String> others = new LinkedHashMap<>();
  private final List<MappedFile> mapped = new ArrayList<>();
  private volatile boolean closed;

  private WeightFile(Path path) {
    this.path = path;
  }

  /**
   * Opens a file and reads what tensors it has: its only weights.
   *
   * @param path a regular file, or a folder with a single index of shards or safetensors file
   * @return the open file, to be closed by the caller
   * @throws ModelException if there is no such file, if it is of none of the formats, if it breaks
   *     its format, or if it has weights under several keys; the message says where, and which
   */
  public static WeightFile open(Path path) {
    return open(path, "");
  }

  /**
   * Opens a file and reads what tensors it has under a key.
   *
   * @param path a regular file, or a folder with a single index of shards or safetensors file
   * @param key which weights of a checkpoint, such as {@code model_ema}; dots lead further inside
   *     ({@code ema.state_dict}), where lists have positions ({@code models.0}). Where no dict has
   *     this key, what the names begin with; empty for the only weights that there are
   * @return the open file, to be closed by the caller
   * @throws ModelException as {@link #open(Path)}, and if the file has nothing under the key; the
   *     message has the keys that there are
   */
  public static WeightFile open(Path path, String key) {
    Objects.requireNonNull(path, "path");
    Objects.requireNonNull(key, "key");
    WeightFile file = new WeightFile(path);
    try {
      Path found = Files.isDirectory(path) ? inFolder(path) : path;
      if (!Files.isRegularFile(found)) {
        throw new ModelException(
            path + (Files.exists(path) ? " is not a regular file" : " does not exist"));
      }
      file.read(found, key);
      return file;
    } catch (MalformedFileException e) {
      file.close();
      throw new ModelException(path + " cannot be used: " + e.getMessage(), e);
    } catch (IOException e) {
      file.close();
      throw new ModelException(path + " cannot be read: " + e, e);
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private void read(Path found, String wanted) throws IOException {
    try (FileChannel channel = FileChannel.open(found, StandardOpenOption.READ)) {
      format = detect(head(channel));
      if (format == Format.SHARDS) {
        Map<Path, List<String>> shards = ShardIndex.read(channel, found);
        for (Map.Entry<Path, List<String>> shard : shards.entrySet()) {
          readShard(shard.getKey(), shard.getValue(), wanted);
        }
        if (tensors.isEmpty()) {
          throw Contents.nothingUnder(
              wanted, shards.values().stream().flatMap(List::stream).toList());
        }
      } else {
        add(found, channel.size(), read(channel, format, wanted).under(wanted));
      }
    }
  }

  private void readShard(Path shard, List<String> names, String wanted) throws IOException {
    try (FileChannel channel = FileChannel.open(shard, StandardOpenOption.READ)) {
      Format inside = detect(head(channel));
      if (inside == Format.SHARDS) {
        throw new MalformedFileException("it is an index of shards itself");
      }
      long size = channel.size();
      Map<String, StoredTensor> all = read(channel, inside, "").tensors();
      Map<String, StoredTensor> listed = new LinkedHashMap<>();
      for (String name : names) {
        StoredTensor tensor = all.get(name);
        if (tensor == null) {
          throw new MalformedFileException("it lacks tensor '" + name + "', which the index names");
        }
        listed.put(name, tensor);
      }
      Contents contents = Contents.of(listed);
      add(shard, size, wanted.isEmpty() ? contents : contents.beginningWith(wanted));
    } catch (MalformedFileException e) {
      throw new MalformedFileException("shard " + shard.getFileName() + ": " + e.getMessage(), e);
    }
  }

  private static Contents read(FileChannel channel, Format format, String wanted)
      throws IOException {
    return switch (format) {
      case SAFETENSORS -> Contents.of(SafetensorsReader.read(channel));
      case TORCH_ZIP -> TorchZipReader.read(channel, wanted);
      case TORCH_LEGACY -> TorchLegacyReader.read(channel, wanted);
      case SHARDS -> throw new IllegalArgumentException("an index has no tensors of its own");
    };
  }

  private void add(Path file, long size, Contents contents) throws MalformedFileException {
    LibTorch.load();
    MappedFile mapping =
        NativeErrors.translate(
            () -> MappedFile.map(file, size),
            (words, e) -> new ModelException(file + " cannot be mapped: " + words, e));
    mapped.add(mapping);
    key = contents.key();
    others.putAll(contents.others());
    for (Map.Entry<String, StoredTensor> entry : contents.tensors().entrySet()) {
      if (stored.put(entry.getKey(), new Located(mapping, entry.getValue())) != null) {
        throw new MalformedFileException("it has two tensors named '" + entry.getKey() + "'");
      }
      tensors.put(entry.getKey(), entry.getValue().info());
    }
  }

  /**
   * Where the file is.
   *
   * @return what it was opened with
   */
  public Path path() {
    return path;
  }

  /**
   * What the file's content says it is.
   *
   * @return the format
   */
  public Format format() {
    return format;
  }

  /**
   * Where in the file the weights were found.
   *
   * @return a key of its dict, such as {@code state_dict} or {@code ema.state_dict}; empty if they
   *     are the whole file
   */
  public String key() {
    return key;
  }

  /** What has a name among the tensors without being one, and what it is. */
  Map<String, String> others() {
    return others;
  }

  /**
   * The tensors in the file.
   *
   * @return dtype and shape by name, in the file's order; cannot be changed, and may be used after
   *     {@link #close()}
   */
  public Map<String, TensorInfo> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  /**
   * One tensor, on the CPU, with the dtype, shape and strides it has in the file.
   *
   * <p>It is a view of the mapped file and copies nothing, unless the file has it at an address
   * that is not a multiple of its elements' size: then its own bytes are copied. Tensors that share
   * a storage in the file do so here. Writing to it changes this process's view of the file, for
   * all its tensors, and never the file.
   *
   * @param name one of {@link #tensors()}
   * @return the tensor, owned by the caller, who may keep it longer than this file is open
   * @throws ModelException if the file has no tensor of that name
   * @throws IllegalStateException after {@link #close()}
   */
  public Tensor tensor(String name) {
    requireOpen();
    Located tensor = stored.get(Objects.requireNonNull(name, "name"));
    if (tensor == null) {
      throw new ModelException(path + " has no tensor '" + name + "'");
    }
    return NativeErrors.translate(
        () -> tensor.file().view(tensor.tensor()),
        (words, e) -> new ModelException(path + ", tensor '" + name + "': " + words, e));
  }

  void requireOpen() {
    if (closed) {
      throw new IllegalStateException(path + " is closed");
    }
  }

  /** Closes the file; its mapping ends when the last of its tensors is closed too. */
  @Override
  public void close() {
    closed = true;
    mapped.forEach(MappedFile::close);
  }

  /** The file in a folder that is meant by the folder. */
  private static Path inFolder(Path folder) throws IOException {
    for (String pattern : List.of("*.safetensors.index.json", "*.index.json", "*.safetensors")) {
      try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, pattern)) {
        List<Path> found = new ArrayList<>();
        files.forEach(found::add);
        if (found.size() == 1) {
          return found.get(0);
        }
        if (!found.isEmpty()) {
          throw new MalformedFileException(
              "it is a folder with "
                  + NameList.of(
                      found.stream().map(file -> file.getFileName().toString()).sorted().toList())
                  + "; give one of them");
        }
      }
    }
    if (Files.exists(folder.resolve("saved_model.pb"))) {
      throw new MalformedFileException(
          "it is a SavedModel of TensorFlow; convert it to PyTorch's or safetensors' format first");
    }
    throw new MalformedFileException(
        "it is a folder without an index of shards (*.index.json); give the weight file itself");
  }

  private static ByteBuffer head(FileChannel channel) throws IOException {
    ByteBuffer head = ByteBuffer.allocate(ForeignFile.HEAD);
    while (head.hasRemaining() && channel.read(head, head.position()) >= 0) {
      // Short reads are rare but allowed.
    }
    return head.flip();
  }

  private static Format detect(ByteBuffer head) throws MalformedFileException {
    if (!head.hasRemaining()) {
      throw new MalformedFileException("it is empty; download or save it again");
    }
    if (TorchZipReader.recognises(head)) {
      return Format.TORCH_ZIP;
    }
    if (TorchLegacyReader.recognises(head)) {
      return Format.TORCH_LEGACY;
    }
    if (SafetensorsReader.recognises(head)) {
      return Format.SAFETENSORS;
    }
    if (ForeignFile.isJson(head)) {
      return Format.SHARDS;
    }
    throw new MalformedFileException(
        ForeignFile.of(head, ForeignFile.Wanted.WEIGHTS)
            .orElseGet(
                () ->
                    "it is neither a .safetensors file nor one that torch.save or torch.jit.save wrote"
                        + (head.limit() < ForeignFile.HEAD
                            ? ", and only " + head.limit() + " bytes long"
                            : "")));
  }
}
