package org.scorecam.kernel;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch_cuda;
import org.scorecam.error.NativeLibraryException;
import org.scorecam.kernel.cuda.CudaBinding;

/** libscorecam_cuda. Its work is queued on the stream that LibTorch's operations use. */
final class CudaKernels extends Kernels {
  static final Loaded LOADED =
      new Loaded(
          "scorecam_cuda",
          CudaBinding.class,
          () -> Loader.load(CudaBinding.class),
          new CudaKernels(),
          () ->
              requireVersion(
                  "scorecam_cuda",
                  CpuBinding.SCORECAM_ABI_VERSION,
                  CudaBinding.scorecam_cuda_abi_version()));

  private static volatile MethodHandle streamMethod;

  private CudaKernels() {}

  @Override
  public String description() {
    int[] devices = new int[1];
    check(CudaBinding.scorecam_cuda_device_count(devices));
    return "scorecam_cuda, %d device(s)".formatted(devices[0]);
  }

  @Override
  boolean serves(Tensor tensor) {
    return tensor.is_cuda();
  }

  @Override
  int channelRange(
      TensorView activations,
      long height,
      long width,
      Masking masking,
      ChannelRange ranges,
      Tensor where) {
    return CudaBinding.scorecam_cuda_channel_range(
        activations, height, width, masking, ranges, streamOf(where));
  }

  @Override
  int maskedBatch(
      MaskSource source, long[] channels, Masking masking, TensorView out, Tensor where) {
    return CudaBinding.scorecam_cuda_masked_batch(source, channels, masking, out, streamOf(where));
  }

  @Override
  BytePointer lastMessage() {
    return CudaBinding.scorecam_cuda_last_message();
  }

  /**
   * The current stream of a tensor's device; null is the default one, for LibTorch and the library.
   */
  private static Pointer streamOf(Tensor tensor) {
    CUDAStream stream = torch_cuda.getCurrentCUDAStream(tensor.device().index());
    try {
      return (Pointer) streamMethod().invokeExact(stream);
    } catch (VirtualMachineError e) {
      throw e;
    } catch (Throwable e) {
      throw noStream(e);
    }
  }

  /**
   * {@code CUDAStream.stream()}, looked up once. Its return type is of a module that is there with
   * the GPU natives only, and that the presets' own module does not name, so that a plain call does
   * not compile.
   */
  private static MethodHandle streamMethod() throws ReflectiveOperationException {
    MethodHandle found = streamMethod;
    if (found == null) {
      found =
          MethodHandles.publicLookup()
              .unreflect(CUDAStream.class.getMethod("stream"))
              .asType(MethodType.methodType(Pointer.class, CUDAStream.class));
      streamMethod = found;
    }
    return found;
  }

  private static NativeLibraryException noStream(Throwable cause) {
    return new NativeLibraryException(
        "the current CUDA stream cannot be obtained; is org.bytedeco:cuda on the class path? (%s)"
            .formatted(cause),
        cause);
  }
}
