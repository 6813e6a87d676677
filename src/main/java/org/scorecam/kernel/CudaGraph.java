package org.scorecam.kernel;

import java.util.HashMap;
import java.util.Map;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.cuda.CUDAStreamGuard;
import org.bytedeco.pytorch.cuda.MemPool;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch_cuda;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.NativeLibraryException;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.NativeScope;

/**
 * Work for a CUDA device that is recorded, to be queued again in one call: LibTorch's {@code
 * at::cuda::CUDAGraph}, which the presets do not bind. It reads and writes the very memory that it
 * was recorded with; what the work allocated comes from a pool of its own.
 *
 * <p>Has not yet run on a GPU.
 */
public final class CudaGraph implements AutoCloseable {
  /**
   * The stream on which work is recorded, by its device and the number of the stream on which it is
   * replayed. One for each: recordings on one stream share cuBLAS's workspace of that stream, and
   * may do so only if they are replayed one after the other. From the pool of high priority, of
   * which few others take streams: what somebody else queues there meanwhile is recorded as well.
   */
  private static final Map<String, CUDAStream> STREAMS = new HashMap<>();

  private static final String LIBRARY = LibTorchFile.path("torch_cuda");

  private final Device device;

  /** Null when it is freed. */
  private Pointer graph = new Pointer();

  private CudaGraph(Device device) {
    this.device = device;
  }

  /**
   * Records work that is to be replayed on this thread's current stream. The host waits for the
   * device, and memory that LibTorch keeps there is given back.
   *
   * @param device where the work is queued, on the current stream
   * @param work is done twice: once as it is, so that the libraries that it calls have what they
   *     make once, and once to be recorded, when nothing of it runs
   * @return the recording, owned by the caller
   * @throws NativeLibraryException if it cannot be recorded, in LibTorch's words, or there is no
   *     native library; what the work throws passes unchanged
   */
  public static CudaGraph record(Device device, Runnable work) {
    Kernels.cpu();
    DeviceMemory memory = DeviceMemory.of(device);
    return memory.undisturbed(
        () -> {
          CUDAStream stream = streamFor(device, memory.stream());
          memory.finishWork();
          try (NativeScope scope = NativeScope.open();
              CUDAStreamGuard current = new CUDAStreamGuard(stream.unwrap())) {
            work.run();
            memory.finishWork();
            memory.releaseKept();
            return recordHere(device, work);
          }
        });
  }

  /** Under the lock of {@link DeviceMemory#undisturbed}. */
  private static CUDAStream streamFor(Device device, long stream) {
    try (NativeScope scope = NativeScope.open()) {
      return STREAMS.computeIfAbsent(
          device + " " + stream,
          first -> scope.keep(torch_cuda.getStreamFromPool(true, (byte) device.index())));
    }
  }

  private static CudaGraph recordHere(Device device, Runnable work) {
    try {
      return attempt(device, work);
    } catch (RuntimeException | Error e) {
      recordAnything(device);
      throw e;
    }
  }

  /** LibTorch takes its random numbers for recorded until a recording has ended well. */
  private static void recordAnything(Device device) {
    try {
      attempt(device, () -> fillOn(device)).close();
    } catch (RuntimeException e) {
      // What failed before is what the caller is told.
    }
  }

  private static void fillOn(Device device) {
    try (NativeScope scope = NativeScope.open()) {
      torch.empty(new long[] {1}, new TensorOptions(device.toTorch()), null).zero_();
    }
  }

  private static CudaGraph attempt(Device device, Runnable work) {
    try (NativeScope scope = NativeScope.open()) {
      // The presets' versions have different names for its type.
      var pool = MemPool.graph_pool_handle(false);
      CudaGraph recorded = new CudaGraph(device);
      try {
        check(CpuBinding.scorecam_begin_cuda_graph(LIBRARY, new LongPointer(pool), recorded.graph));
        recorded.take(work);
        return recorded;
      } catch (RuntimeException | Error e) {
        leave(
            () -> {
              torch_cuda.endAllocateToPool((byte) device.index(), pool);
              torch_cuda.getAllocator().releasePool((byte) device.index(), pool);
            });
        recorded.free();
        throw e;
      }
    }
  }

  private void take(Runnable work) {
    try {
      work.run();
    } catch (RuntimeException | Error e) {
      // Its status says no more than that.
      CpuBinding.scorecam_end_cuda_graph(LIBRARY, graph);
      throw e;
    }
    check(CpuBinding.scorecam_end_cuda_graph(LIBRARY, graph));
  }

  /**
   * Tells LibTorch's allocator that a recording is over, which one that failed does not tell it.
   */
  private static void leave(Runnable telling) {
    try {
      telling.run();
    } catch (RuntimeException e) {
      // It knew already, and then frees the pool with the recording.
    }
  }

  private static void check(int status) {
    if (status == CpuBinding.SCORECAM_STATUS_INTERNAL) {
      String words = CpuBinding.scorecam_last_message().getString();
      NativeErrors.translate(
          () -> {
            throw new IllegalStateException(words);
          },
          (said, e) -> new NativeLibraryException("LibTorch refuses a CUDA graph: " + said, e));
    }
    Kernels.cpu().check(status);
  }

  /**
   * Queues the work on this thread's current stream, after which it was recorded.
   *
   * @throws NativeLibraryException if LibTorch refuses, in its words
   * @throws org.scorecam.error.NativeMemoryException if the device has no memory for it
   */
  public void replay() {
    check(CpuBinding.scorecam_replay_cuda_graph(LIBRARY, graph));
  }

  /**
   * Frees the recording and the pool of what its work allocated, once the device has done what was
   * queued. Closing again does nothing.
   */
  @Override
  public void close() {
    if (graph != null) {
      try {
        DeviceMemory.of(device).finishWork();
      } finally {
        free();
      }
    }
  }

  private void free() {
    CpuBinding.scorecam_free_cuda_graph(LIBRARY, graph);
    graph = null;
  }
}
