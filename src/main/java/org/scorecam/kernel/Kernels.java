package org.scorecam.kernel;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.DeviceException;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.NativeLibraryException;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.error.ScoreCamException;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.NativeScope;

/**
 * The masking kernels of one kind of device, on LibTorch's tensors. {@code
 * native/include/scorecam.h} says what they compute.
 *
 * <p>Stateless and safe for several threads. Tensors stay the caller's.
 */
public abstract sealed class Kernels permits CpuKernels, CudaKernels {
  /** Longs in a row of the table that {@link #ranges} makes, which is a {@code scorecam_range}. */
  public static final int RANGE_LONGS = 3;

  private static final int FILTER_RANK = 4;

  Kernels() {}

  /**
   * The kernels for the CPU.
   *
   * @return always the same
   * @throws NativeLibraryException if they cannot be had, with what was tried; asking again gives
   *     the same answer
   */
  public static Kernels cpu() {
    return CpuKernels.LOADED.get();
  }

  /**
   * The kernels for CUDA devices.
   *
   * @return always the same
   * @throws NativeLibraryException if they cannot be had, with what was tried; asking again gives
   *     the same answer
   */
  public static Kernels cuda() {
    return CudaKernels.LOADED.get();
  }

  /**
   * What there is to know of each channel before it is masked, as a table of {@code
   * scorecam_range}: minimum and maximum in the first long of a row, flags in the lower half of the
   * second, the map's hash in the third.
   *
   * @param activations [K, h, w], float32, bfloat16 or float16
   * @param height H of the image
   * @param width W of the image
   * @param masking how a map becomes a mask
   * @return int64 [K, 3] on the device of the maps, owned by the caller
   */
  public final Tensor ranges(Tensor activations, long height, long width, Masking masking) {
    try (NativeScope scope = NativeScope.open()) {
      TensorOptions options =
          new TensorOptions(ScalarType.Long).device(new DeviceOptional(activations.device()));
      Tensor table = torch.empty(new long[] {activations.size(0), RANGE_LONGS}, options, null);
      TensorView maps = viewOf(activations, "activations");
      check(channelRange(maps, height, width, masking, rowsOf(table), activations));
      return scope.keep(table);
    }
  }

  /**
   * Writes image × mask for some channels.
   *
   * @param activations [K, h, w], float32, bfloat16 or float16
   * @param image [C, H, W], likewise, any strides
   * @param ranges what {@link #ranges} made of the maps, for the same masking and size
   * @param channels indices of b channels
   * @param masking how a map becomes a mask
   * @param rows where to: [b, C, H, W], float32, bfloat16 or float16, contiguous or channels-last
   */
  public final void mask(
      Tensor activations,
      Tensor image,
      Tensor ranges,
      long[] channels,
      Masking masking,
      Tensor rows) {
    requireRows(channels, rows);
    try (NativeScope scope = NativeScope.open()) {
      MaskSource source =
          new MaskSource()
              .activations(viewOf(activations, "activations"))
              .image(viewOf(image, "image"))
              .ranges(rowsOf(ranges));
      check(maskedBatch(source, channels, masking, viewOf(rows, "rows"), rows));
    }
  }

  static void requireRows(long[] channels, Tensor rows) {
    if (channels.length != rows.size(0)) {
      throw new InputException(
          "%d channels do not fill %d rows".formatted(channels.length, rows.size(0)));
    }
  }

  /**
   * Library, version and the code in use.
   *
   * @return for example {@code scorecam 1.0.0, avx512}
   */
  public abstract String description();

  abstract boolean serves(Tensor tensor);

  /** Calls the library; the last argument says where its work is to be queued. */
  abstract int channelRange(
      TensorView activations,
      long height,
      long width,
      Masking masking,
      ChannelRange ranges,
      Tensor where);

  abstract int maskedBatch(
      MaskSource source, long[] channels, Masking masking, TensorView out, Tensor where);

  abstract BytePointer lastMessage();

  /** Turns the status of a call of this thread into the error that it means. */
  final void check(int status) {
    if (status != CpuBinding.SCORECAM_STATUS_OK) {
      throw errorOf(status, lastMessage().getString());
    }
  }

  private static ScoreCamException errorOf(int status, String message) {
    return switch (status) {
      case CpuBinding.SCORECAM_STATUS_INVALID_ARGUMENT, CpuBinding.SCORECAM_STATUS_UNSUPPORTED ->
          new InputException(message);
      case CpuBinding.SCORECAM_STATUS_OUT_OF_MEMORY -> new NativeMemoryException(message);
      case CpuBinding.SCORECAM_STATUS_NO_DEVICE, CpuBinding.SCORECAM_STATUS_DEVICE_ERROR ->
          new DeviceException(message);
      default -> new NativeLibraryException(message);
    };
  }

  /** The values of a float32 tensor on the CPU, owned by an open scope; null if it is undefined. */
  static FloatPointer floatsOf(Tensor tensor) {
    return tensor.defined() ? tensor.contiguous().data_ptr_float() : null;
  }

  /** Of convolutions' weights [O, I, height, width]. */
  static void requireFilters(Tensor weight) {
    if (weight.dim() != FILTER_RANK) {
      throw new InputException(
          "the weights must have %d dimensions, not %d".formatted(FILTER_RANK, weight.dim()));
    }
  }

  final TensorView viewOf(Tensor tensor, String name) {
    if (!serves(tensor)) {
      throw new DeviceException(
          "the %s must be on a device that %s serves, not on %s"
              .formatted(name, description(), tensor.device().str().getString()));
    }
    if (tensor.dim() > CpuBinding.SCORECAM_MAX_RANK) {
      throw new InputException(
          "the %s must have at most %d dimensions, not %d"
              .formatted(name, CpuBinding.SCORECAM_MAX_RANK, tensor.dim()));
    }
    TensorView view =
        new TensorView()
            .data(tensor.data_ptr())
            .dtype(dtypeOf(tensor, name))
            .rank((int) tensor.dim());
    for (int i = 0; i < tensor.dim(); i++) {
      view.sizes(i, tensor.size(i)).strides(i, tensor.stride(i));
    }
    return view;
  }

  private static int dtypeOf(Tensor tensor, String name) {
    return switch (tensor.scalar_type().intern()) {
      case Float -> CpuBinding.SCORECAM_DTYPE_FLOAT32;
      case BFloat16 -> CpuBinding.SCORECAM_DTYPE_BFLOAT16;
      case Half -> CpuBinding.SCORECAM_DTYPE_FLOAT16;
      default ->
          throw new InputException(
              "the %s must be float32, bfloat16 or float16, not %s"
                  .formatted(name, tensor.scalar_type()));
    };
  }

  private static ChannelRange rowsOf(Tensor table) {
    return new ChannelRange(table.data_ptr());
  }

  /** One attempt to load a library, and what came of it for all who ask. */
  static final class Loaded {
    private final Kernels kernels;
    private final NativeLibraryException failure;

    /**
     * Loads LibTorch, then a library.
     *
     * @param binding its generated class
     * @param loading loads that
     * @param check compares its version with that of the header
     */
    Loaded(String library, Class<?> binding, Runnable loading, Kernels kernels, Runnable check) {
      NativeLibraryException problem = null;
      try {
        LibTorch.load();
        loading.run();
        check.run();
      } catch (LinkageError | RuntimeException e) {
        problem =
            new NativeLibraryException(
                "lib%s cannot be loaded from %s or the library path: %s; a build with -Dscorecam.native=off has none"
                    .formatted(library, placeOf(binding), NativeErrors.messageOf(e)),
                e);
      }
      this.kernels = kernels;
      this.failure = problem;
    }

    boolean isThere() {
      return failure == null;
    }

    Kernels get() {
      if (failure != null) {
        // A new one: the stack trace is the caller's.
        throw new NativeLibraryException(failure.getMessage(), failure);
      }
      return kernels;
    }

    private static String placeOf(Class<?> binding) {
      return "/%s/%s of the jar"
          .formatted(binding.getPackageName().replace('.', '/'), Loader.getPlatform());
    }
  }

  static void requireVersion(String library, int expected, int actual) {
    if (actual != expected) {
      throw new NativeLibraryException(
          "lib%s has version %d of the interface, this jar needs %d"
              .formatted(library, actual, expected));
    }
  }
}
