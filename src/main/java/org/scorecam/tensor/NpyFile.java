package org.scorecam.tensor;

import static java.util.stream.Collectors.joining;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.file.FileErrors;
import org.scorecam.runtime.NativeScope;

/**
 * NumPy's files of one array, {@code .npy}, and archives of them, {@code .npz}.
 *
 * <p>The format is NumPy's own, <a
 * href="https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html">versions 1.0 to
 * 3.0</a>. No Java library of it is maintained.
 *
 * <ul>
 *   <li><b>Values.</b> float16, float32, float64, integers of 8 to 64 bits with and without sign,
 *       and bool, of either byte order, become float32: rounded to the nearest where need be, not
 *       scaled, so that bytes of a picture are 0 to 255 and true is 1. A float64 beyond float32's
 *       range becomes infinite.
 *   <li><b>Order.</b> Fortran order is read too; the tensor is in C order.
 *   <li><b>Refused</b> are objects, of which nothing is run, records, text, complex numbers, times,
 *       and bfloat16, which NumPy does not have.
 *   <li><b>Size.</b> Values are read into native memory piece by piece, without an array on the
 *       Java heap: files may be larger than 2 GiB.
 * </ul>
 */
public final class NpyFile {
  private static final int ALIGNMENT = 64;

  /** Bytes that are read, converted or written at once. */
  private static final int PIECE = 1 << 22;

  /** RFC 1951: a length of up to 258 bytes takes 2 bits at least. */
  private static final int MAX_DEFLATION = 258 * 4;

  /** A name behind the name of an archive. */
  private static final Pattern ARRAY_IN_ARCHIVE =
      Pattern.compile("(.*\\.npz):([^/\\\\]+)", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

  private static final byte[] ZIP_MAGIC = {'P', 'K'};
  private static final String SUFFIX = ".npy";

  private NpyFile() {}

  /**
   * Reads an array into a tensor.
   *
   * @param path a {@code .npy} file; an archive {@code .npz} of a single array; or {@code
   *     FILE.npz:NAME} for one of several. What a file is is told by its first bytes.
   * @return a contiguous float32 tensor on the CPU of the array's shape, owned by the caller
   * @throws InputException if the file is missing, truncated, longer than its shape says, or holds
   *     something else; the message names it
   * @throws org.scorecam.error.NativeMemoryException if there is no memory for it
   * @throws NullPointerException if the path is null
   */
  public static Tensor read(Path path) {
    Objects.requireNonNull(path, "path");
    Matcher named = ARRAY_IN_ARCHIVE.matcher(path.toString());
    try {
      return named.matches() && Files.notExists(path)
          ? readArchive(Path.of(named.group(1)), named.group(2))
          : readFile(path);
    } catch (IOException e) {
      throw new InputException("cannot read " + path + ": " + FileErrors.reasonOf(e), e);
    }
  }

  private static Tensor readFile(Path path) throws IOException {
    if (Files.isDirectory(path)) {
      throw new InputException(path + " is a folder, not a .npy file");
    }
    if (Files.notExists(path)) {
      throw new NoSuchFileException(path.toString());
    }
    if (!Files.isRegularFile(path)) {
      throw new InputException(path + " is not a regular file");
    }
    try (FileChannel channel = FileChannel.open(path)) {
      ByteBuffer start = ByteBuffer.allocate(ZIP_MAGIC.length);
      channel.read(start, 0);
      if (Arrays.equals(start.array(), ZIP_MAGIC)) {
        return readArchive(path, null);
      }
      return read(channel, channel.size(), path.toString());
    }
  }

  /** One array of an archive; the only one if its name is null. */
  private static Tensor readArchive(Path path, String array) throws IOException {
    if (Files.notExists(path)) {
      throw new NoSuchFileException(path.toString());
    }
    try (ZipFile archive = new ZipFile(path.toFile())) {
      List<String> arrays =
          archive.stream()
              .map(ZipEntry::getName)
              .filter(entry -> entry.endsWith(SUFFIX))
              .map(entry -> entry.substring(0, entry.length() - SUFFIX.length()))
              .toList();
      String chosen = array == null && arrays.size() == 1 ? arrays.get(0) : array;
      if (arrays.isEmpty()) {
        throw new InputException(
            path
                + " is a ZIP archive without .npy files; numpy.savez writes some, torch.save none");
      }
      if (chosen == null || !arrays.contains(chosen)) {
        throw new InputException(
            "%s holds the arrays %s; name one of them, as in %s:%s"
                .formatted(path, arrays, path, arrays.get(0)));
      }
      ZipEntry entry = archive.getEntry(chosen + SUFFIX);
      if (entry.getSize() / MAX_DEFLATION > entry.getCompressedSize() + 1) {
        throw new InputException(
            "%s:%s is damaged: %d compressed bytes cannot hold %d"
                .formatted(path, chosen, entry.getCompressedSize(), entry.getSize()));
      }
      try (ReadableByteChannel channel = Channels.newChannel(archive.getInputStream(entry))) {
        return read(channel, entry.getSize(), path + ":" + chosen);
      }
    }
  }

  /** Reads to the end of a channel that has so many bytes. */
  private static Tensor read(ReadableByteChannel channel, long size, String name)
      throws IOException {
    // Without a buffer, so that the channel stands at the first value afterwards.
    NpyHeader header = NpyHeader.read(new DataInputStream(Channels.newInputStream(channel)), name);
    long expected = Math.multiplyExact(header.count(), (long) header.width());
    long available = size - header.length();
    if (available != expected) {
      throw new InputException(
          "%s is %s: its shape %s needs %d bytes of values, but there are %d"
              .formatted(
                  name,
                  available < expected ? "truncated" : "damaged",
                  header.shape(),
                  expected,
                  available));
    }
    try (NativeScope scope = NativeScope.open()) {
      Tensor flat =
          NativeErrors.translate(
              () -> torch.empty(new long[] {header.count()}, options(ScalarType.Float), null),
              (words, e) -> new InputException("no tensor for " + name + ": " + words, e));
      if (header.dtype() == ScalarType.Float && !header.bigEndian()) {
        fill(flat, expected, channel, name);
      } else {
        convert(flat, header, channel, name);
      }
      return NativeErrors.translate(
          () -> scope.keep(shaped(flat, header)),
          (words, e) -> new InputException("no tensor for " + name + ": " + words, e));
    }
  }

  private static TensorOptions options(ScalarType dtype) {
    return new TensorOptions(dtype);
  }

  /** A fresh tensor in C order. */
  private static Tensor shaped(Tensor flat, NpyHeader header) {
    long[] shape = header.shape().stream().mapToLong(Long::longValue).toArray();
    int rank = shape.length;
    if (!header.fortranOrder() || rank < 2) {
      return flat.view(shape);
    }
    long[] reversed = new long[rank];
    long[] order = new long[rank];
    for (int i = 0; i < rank; i++) {
      reversed[i] = shape[rank - 1 - i];
      order[i] = rank - 1L - i;
    }
    return flat.view(reversed).permute(order).contiguous();
  }

  private static void convert(
      Tensor flat, NpyHeader header, ReadableByteChannel channel, String name) throws IOException {
    int width = header.width();
    long piece = PIECE / width;
    try (NativeScope scope = NativeScope.open()) {
      Tensor buffer =
          torch.empty(
              new long[] {Math.min(piece, header.count()) * width}, options(ScalarType.Byte), null);
      for (long done = 0; done < header.count(); ) {
        long count = Math.min(piece, header.count() - done);
        try (NativeScope inner = NativeScope.open()) {
          fill(buffer, count * width, channel, name);
          Tensor bytes = buffer.narrow(0, 0, count * width);
          if (header.bigEndian() && width > 1) {
            bytes = bytes.view(count, width).flip(1).view(-1);
          }
          Tensor values = header.bool() ? bytes.ne(new Scalar(0)) : bytes.view(header.dtype());
          flat.narrow(0, done, count).copy_(values);
        }
        done += count;
      }
    }
  }

  /** Reads bytes from a channel into a tensor's memory. */
  private static void fill(Tensor target, long length, ReadableByteChannel channel, String name)
      throws IOException {
    Pointer memory = target.data_ptr();
    for (long done = 0; done < length; ) {
      long end = Math.min(length, done + PIECE);
      ByteBuffer bytes = new BytePointer(memory).position(done).limit(end).asByteBuffer();
      while (bytes.hasRemaining()) {
        if (channel.read(bytes) < 0) {
          throw new InputException(name + " is truncated: it ends inside its values");
        }
      }
      done = end;
    }
  }

  /**
   * Writes values as float32, little-endian, in C order.
   *
   * @param out where to; not closed
   * @param values in row-major order
   * @param shape sizes whose product is the number of values
   * @throws IOException if writing fails
   * @throws InputException if the shape does not hold that many values; nothing is written then
   * @throws NullPointerException if an argument is null
   */
  public static void write(OutputStream out, float[] values, long... shape) throws IOException {
    Objects.requireNonNull(out, "out");
    Objects.requireNonNull(values, "values");
    Objects.requireNonNull(shape, "shape");
    Tensors.requireCount(values.length, shape);
    String sizes = LongStream.of(shape).mapToObj(size -> size + ",").collect(joining(" "));
    String literal = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }".formatted(sizes);
    int prefix = NpyHeader.MAGIC.length + 4;
    int padding = ALIGNMENT - (prefix + literal.length() + 1) % ALIGNMENT;
    byte[] header =
        (literal + " ".repeat(padding % ALIGNMENT) + "\n").getBytes(StandardCharsets.US_ASCII);
    ByteBuffer start = ByteBuffer.allocate(prefix + header.length).order(ByteOrder.LITTLE_ENDIAN);
    start.put(NpyHeader.MAGIC).put((byte) 1).put((byte) 0);
    out.write(start.putShort((short) header.length).put(header).array());
    int piece = PIECE / Float.BYTES;
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.min(piece, values.length) * Float.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    for (int done = 0; done < values.length; ) {
      int count = Math.min(piece, values.length - done);
      bytes.asFloatBuffer().put(values, done, count);
      out.write(bytes.array(), 0, count * Float.BYTES);
      done += count;
    }
  }
}
