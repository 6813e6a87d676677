package org.scorecam.tensor;

import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.InputException;
import org.scorecam.runtime.NativeScope;

/** Copies between Java arrays and float32 tensors. */
public final class Tensors {
  /** What JVMs allocate at most. */
  private static final int MAX_ARRAY = Integer.MAX_VALUE - 8;

  /** How often this process has asked for values on the host. */
  private static final LongAdder READS = new LongAdder();

  private Tensors() {}

  /**
   * Copies values into a new tensor.
   *
   * @param values in row-major order
   * @param shape sizes whose product is the number of values
   * @return a contiguous float32 tensor on the CPU, owned by the caller
   * @throws InputException if the shape does not hold that many values
   */
  public static Tensor of(float[] values, long... shape) {
    Objects.requireNonNull(values, "values");
    Objects.requireNonNull(shape, "shape");
    requireCount(values.length, shape);
    try (NativeScope scope = NativeScope.open()) {
      Tensor tensor = torch.empty(shape, new TensorOptions(ScalarType.Float), null);
      if (values.length > 0) {
        new FloatPointer(tensor.data_ptr()).put(values);
      }
      return scope.keep(tensor);
    }
  }

  /**
   * A memory format for tensors of any rank.
   *
   * @param format such as {@link MemoryFormat#ChannelsLast}, which is for four dimensions
   * @param dimensions of the tensor, with that of the batch
   * @return the format of that kind; contiguous where there is none
   */
  public static MemoryFormat formatFor(MemoryFormat format, long dimensions) {
    if (format != MemoryFormat.ChannelsLast || dimensions == 4) {
      return format;
    }
    return dimensions == 5 ? MemoryFormat.ChannelsLast3d : MemoryFormat.Contiguous;
  }

  /**
   * A tensor in a memory format of any rank.
   *
   * @param tensor at least one dimension
   * @param format as for {@link #formatFor}
   * @return the same values in that format, the same tensor where it has it, owned by the caller or
   *     the scope it has open
   */
  public static Tensor inFormat(Tensor tensor, MemoryFormat format) {
    return tensor.contiguous(formatFor(format, tensor.dim()));
  }

  /**
   * The extents of one input, or of one layer's maps.
   *
   * @param tensor [C, H, W], or with one extent or three
   * @return what follows its first dimension
   */
  public static long[] extentsOf(Tensor tensor) {
    long[] shape = tensor.shape();
    return Arrays.copyOfRange(shape, 1, shape.length);
  }

  /**
   * A picture of one channel as a network's input.
   *
   * @param rows H×W values, all rows as long as the first
   * @return a float32 tensor [1, 1, H, W] on the CPU, owned by the caller
   * @throws InputException if it is empty or ragged
   */
  public static Tensor ofImage(float[][] rows) {
    Objects.requireNonNull(rows, "rows");
    requireSize(rows.length, rows.length == 0 ? 0 : rows[0].length, 1);
    int width = rows[0].length;
    float[] plane = new float[arrayLength(rows.length, width)];
    for (int y = 0; y < rows.length; y++) {
      requireLength("row " + y, rows[y].length, width);
      System.arraycopy(rows[y], 0, plane, y * width, width);
    }
    return of(plane, 1, 1, rows.length, width);
  }

  /**
   * A picture with its channels last, as pictures are stored, as a network's input.
   *
   * @param rows H×W×C values, all rows and pixels as long as the first
   * @return a float32 tensor [1, C, H, W] on the CPU, owned by the caller
   * @throws InputException if it is empty or ragged
   */
  public static Tensor ofImage(float[][][] rows) {
    Objects.requireNonNull(rows, "rows");
    int height = rows.length;
    int width = height == 0 ? 0 : rows[0].length;
    int channels = width == 0 ? 0 : rows[0][0].length;
    requireSize(height, width, channels);
    float[] planes = new float[arrayLength(channels, height, width)];
    for (int y = 0; y < height; y++) {
      requireLength("row " + y, rows[y].length, width);
      for (int x = 0; x < width; x++) {
        requireLength("pixel (" + y + ", " + x + ")", rows[y][x].length, channels);
        for (int c = 0; c < channels; c++) {
          planes[(c * height + y) * width + x] = rows[y][x][c];
        }
      }
    }
    return of(planes, 1, channels, height, width);
  }

  /**
   * Brings a tensor to the host. Whatever reads values of the device does it by this: the host
   * waits until all that was queued on the current stream before is done, so reads are few, and of
   * many values at once.
   *
   * @param tensor on any device
   * @return its values on the CPU, the same tensor where it is there already, owned by the scope
   *     that must be open
   */
  public static Tensor onHost(Tensor tensor) {
    READS.increment();
    return tensor.cpu();
  }

  /** How often {@link #onHost} was called, on whatever device. */
  static long reads() {
    return READS.sum();
  }

  /**
   * Brings a tensor from the host to a device. To a CUDA device it goes by way of pinned memory, so
   * that the copy is only queued on the current stream, and nobody waits for it.
   *
   * @param tensor on the CPU
   * @param device where to
   * @return the same values there, the same tensor where the device is the CPU, owned by the scope
   *     that must be open
   */
  public static Tensor onDevice(Tensor tensor, Device device) {
    return device.is_cuda()
        ? tensor.pin_memory().to(device, tensor.scalar_type(), true, false, null)
        : tensor;
  }

  /**
   * Indices for LibTorch's operations.
   *
   * @param values the indices
   * @param device where they are needed
   * @return int64 [n] there, owned by the scope that must be open
   */
  public static Tensor indices(long[] values, Device device) {
    return onDevice(Tensor.create(values), device);
  }

  /**
   * Copies a tensor's values to the heap, from whatever device, dtype and layout.
   *
   * @param tensor any dense tensor of real numbers, of up to 2³¹−1 elements
   * @return its values in row-major order, as float32
   * @throws InputException if it is no such tensor, or has more elements than a Java array
   */
  public static float[] toArray(Tensor tensor) {
    requireValues(tensor);
    if (tensor.numel() > MAX_ARRAY) {
      throw new InputException(
          "a tensor of shape %s has more values than a Java array can hold"
              .formatted(shapeOf(tensor)));
    }
    try (NativeScope scope = NativeScope.open()) {
      float[] values = new float[(int) tensor.numel()];
      if (values.length > 0) {
        // A single negated value is contiguous as it is.
        Tensor plain = onHost(tensor).to(ScalarType.Float).resolve_neg().contiguous();
        new FloatPointer(plain.data_ptr()).get(values);
      }
      return values;
    }
  }

  /**
   * Copies a matrix to the heap.
   *
   * @param matrix a tensor [H, W]
   * @return H rows of W values
   * @throws InputException if it has another number of dimensions, or as {@link #toArray}
   */
  public static float[][] toRows(Tensor matrix) {
    requireStorage(Objects.requireNonNull(matrix, "matrix"));
    if (matrix.dim() != 2) {
      throw new InputException(
          "a tensor of shape %s is not a matrix [H, W]".formatted(shapeOf(matrix)));
    }
    float[] values = toArray(matrix);
    int height = (int) matrix.size(0);
    int width = (int) matrix.size(1);
    float[][] rows = new float[height][];
    for (int y = 0; y < height; y++) {
      rows[y] = Arrays.copyOfRange(values, y * width, (y + 1) * width);
    }
    return rows;
  }

  /**
   * A tensor's shape as it is written in messages.
   *
   * @param tensor any tensor
   * @return for example {@code [1, 3, 224, 224]}
   */
  public static String shapeOf(Tensor tensor) {
    Objects.requireNonNull(tensor, "tensor");
    return Arrays.toString(tensor.shape());
  }

  /** Refuses a tensor that is no real numbers in memory. */
  private static void requireValues(Tensor tensor) {
    requireStorage(Objects.requireNonNull(tensor, "tensor"));
    if (tensor.is_meta() || tensor.is_quantized() || tensor.is_complex()) {
      throw new InputException(
          "the tensor of shape %s has no real numbers to copy: it is %s"
              .formatted(
                  shapeOf(tensor),
                  tensor.is_meta()
                      ? "on meta, where there are no values"
                      : tensor.is_quantized()
                          ? "quantised; make numbers of it with dequantize()"
                          : "complex; make numbers of it with abs() or view_as_real"));
    }
  }

  private static void requireStorage(Tensor tensor) {
    if (tensor.isNull()) {
      throw new InputException("the tensor has been closed");
    }
    if (!tensor.has_storage()) {
      throw new InputException(
          "a tensor without memory of its own, such as a sparse or an undefined one, can be neither shared nor read; copy it with to_dense()");
    }
  }

  /** Refuses a tensor whose values are not those of its memory, or that has no memory. */
  static void requireMemory(Tensor tensor) {
    requireStorage(tensor);
    if (tensor.is_conj() || tensor.is_neg()) {
      throw new InputException(
          "the tensor of shape %s has other values than its memory, of which they are the conjugates or negatives; copy it with resolve_conj() and resolve_neg()"
              .formatted(shapeOf(tensor)));
    }
  }

  /** Refuses a shape that does not hold so many values. */
  static void requireCount(int count, long... shape) {
    if (countOf(shape) != count) {
      throw new InputException(
          "%d values do not fill the shape %s".formatted(count, Arrays.toString(shape)));
    }
  }

  /** The number of values that a shape holds; the largest number where that is too small for it. */
  private static long countOf(long[] shape) {
    long count = 1;
    for (long size : shape) {
      if (size < 0) {
        throw new InputException(
            "the shape %s has a negative size".formatted(Arrays.toString(shape)));
      }
      boolean fits = size == 0 || count <= Long.MAX_VALUE / size;
      count = fits ? count * size : Long.MAX_VALUE;
    }
    return count;
  }

  private static int arrayLength(long... shape) {
    long count = countOf(shape);
    if (count > MAX_ARRAY) {
      throw new InputException(
          "an image of shape %s has more values than a Java array can hold"
              .formatted(Arrays.toString(shape)));
    }
    return (int) count;
  }

  private static void requireSize(int height, int width, int channels) {
    if (height == 0 || width == 0 || channels == 0) {
      throw new InputException(
          "an image of %d × %d pixels with %d channels is empty"
              .formatted(width, height, channels));
    }
  }

  private static void requireLength(String what, int length, int expected) {
    if (length != expected) {
      throw new InputException(
          "%s of the image has %d values, but the first has %d".formatted(what, length, expected));
    }
  }
}
