package org.scorecam.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
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
 *   <li>a state dict as {@code torch.save} writes it, as a zip file or in the form before PyTorch
 *       1.6; a checkpoint's dict with the state dict under {@code state_dict}, {@code
 *       model_state_dict} or {@code model} will do;
 *   <li>a TorchScript file, whose parameters and buffers (and plain tensor attributes) have the
 *       names of its modules' attributes; its code is not looked at;
 *   <li>an archive of LibTorch's {@code torch::save}.
 * </ul>
 *
 * <p>Opening reads the names, dtypes and shapes, and checks that each tensor lies in the file.
 * Nothing that a pickle or a program in the file asks for is run: a pickle with a name other than
 * the dozen that state dicts need is refused. The file is then mapped into memory, so that its
 * pages are read when a tensor's elements are, and no copy of the weights is made. The file must
 * not become shorter while it is open or a tensor of it is.
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
    TORCH_LEGACY
  }

  private static final int HEAD = 16;

  private final Path path;
  private final Format format;
  private final Map<String, StoredTensor> stored;
  private final Map<String, TensorInfo> tensors;
  private final MappedFile mapped;
  private volatile boolean closed;

  private WeightFile(
      Path path, Format format, Map<String, StoredTensor> stored, MappedFile mapped) {
    this.path = path;
    this.format = format;
    this.stored = stored;
    this.mapped = mapped;
    Map<String, TensorInfo> infos = new LinkedHashMap<>();
    stored.forEach((name, tensor) -> infos.put(name, tensor.info()));
    this.tensors = Collections.unmodifiableMap(infos);
  }

  /**
   * Opens a file and reads what tensors it has.
   *
   * @param path a regular file
   * @return the open file, to be closed by the caller
   * @throws ModelException if there is no such file, if it is of none of the formats, or if it
   *     breaks its format; the message says where
   */
  public static WeightFile open(Path path) {
    if (!Files.isRegularFile(path)) {
      throw new ModelException(
          path + (Files.exists(path) ? " is no regular file" : " does not exist"));
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = channel.size();
      ByteBuffer head = head(channel);
      Format format = detect(head);
      Map<String, StoredTensor> tensors =
          switch (format) {
            case SAFETENSORS -> SafetensorsReader.read(channel);
            case TORCH_ZIP -> TorchZipReader.read(channel);
            case TORCH_LEGACY -> TorchLegacyReader.read(channel);
          };
      LibTorch.load();
      MappedFile mapped =
          NativeErrors.translate(
              () -> MappedFile.map(path, size),
              (words, e) -> new ModelException(path + " cannot be mapped: " + words, e));
      return new WeightFile(path, format, tensors, mapped);
    } catch (MalformedFileException e) {
      throw new ModelException(path + " cannot be used: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new ModelException(path + " cannot be read: " + e, e);
    }
  }

  /**
   * Where the file is.
   *
   * @return what {@link #open} was given
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
   * The tensors in the file.
   *
   * @return dtype and shape by name, in the file's order; cannot be changed, and may be used after
   *     {@link #close()}
   */
  public Map<String, TensorInfo> tensors() {
    return tensors;
  }

  /**
   * One tensor, on the CPU, with the dtype, shape and strides it has in the file.
   *
   * <p>It is a view of the mapped file and copies nothing, unless the file has it at an address
   * that is no multiple of its elements' size: then its own bytes are copied. Tensors that share a
   * storage in the file do so here. Writing to it changes this process's view of the file, for all
   * its tensors, and never the file.
   *
   * @param name one of {@link #tensors()}
   * @return the tensor, owned by the caller, who may keep it longer than this file is open
   * @throws ModelException if the file has no tensor of that name
   * @throws IllegalStateException after {@link #close()}
   */
  public Tensor tensor(String name) {
    requireOpen();
    StoredTensor tensor = stored.get(name);
    if (tensor == null) {
      throw new ModelException(path + " has no tensor '" + name + "'");
    }
    return NativeErrors.translate(
        () -> mapped.view(tensor),
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
    mapped.close();
  }

  private static ByteBuffer head(FileChannel channel) throws IOException {
    ByteBuffer head = ByteBuffer.allocate(HEAD);
    while (head.hasRemaining() && channel.read(head, head.position()) >= 0) {
      // Short reads are rare but allowed.
    }
    return head.flip();
  }

  private static Format detect(ByteBuffer head) throws MalformedFileException {
    if (!head.hasRemaining()) {
      throw new MalformedFileException("it is empty");
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
    throw new MalformedFileException(
        "it is neither a zip file, nor a pickle, nor .safetensors; as the last, "
            + SafetensorsReader.complaint(head));
  }
}
