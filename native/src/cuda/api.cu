// The C functions on CUDA: check arguments, find the device, launch on the caller's stream, check the launch.
#include <cuda_runtime.h>

#include <algorithm>
#include <cinttypes>
#include <initializer_list>
#include <memory>

#include "common/failure.h"
#include "cuda/channel_range.cuh"
#include "cuda/masked_batch.cuh"
#include "scorecam_cuda.h"

using namespace scorecam;
using namespace scorecam::cuda;

namespace {

void check(cudaError_t error, const char *what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // a failed launch must not be reported again by somebody else's check
  fail(error == cudaErrorMemoryAllocation ? SCORECAM_STATUS_OUT_OF_MEMORY : SCORECAM_STATUS_DEVICE_ERROR, "%s: %s (%s)",
       what, cudaGetErrorString(error), cudaGetErrorName(error));
}

int device_count() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorInsufficientDriver || error == cudaErrorNoDevice || (error == cudaSuccess && count == 0)) {
    cudaGetLastError();
    fail(SCORECAM_STATUS_NO_DEVICE, "%s; this library needs a driver for CUDA %d.%d",
         error == cudaErrorInsufficientDriver ? "there is no CUDA driver on this machine, or it is too old"
                                              : "there is no CUDA device on this machine",
         CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  }
  check(error, "cannot count CUDA devices");
  return count;
}

// The device that memory lies on; fails for memory of the host.
int device_of(const void *data, const char *name) {
  cudaPointerAttributes attributes{};
  check(cudaPointerGetAttributes(&attributes, data), name);
  if (attributes.type != cudaMemoryTypeDevice && attributes.type != cudaMemoryTypeManaged)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s is not in CUDA device memory", name);
  return attributes.device;
}

// Whether somebody uses the device already. The runtime cannot be asked without making a context; the driver can.
bool has_context(int device) {
  void *function = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
#if CUDART_VERSION >= 12050
  const cudaError_t error = cudaGetDriverEntryPointByVersion("cuDevicePrimaryCtxGetState", &function, 12000,
                                                             cudaEnableDefault, &found);
#else
  const cudaError_t error =
      cudaGetDriverEntryPoint("cuDevicePrimaryCtxGetState", &function, cudaEnableDefault, &found);
#endif
  if (error != cudaSuccess || found != cudaDriverEntryPointSuccess) {
    cudaGetLastError();
    return true;
  }
  unsigned flags = 0;
  int active = 0;
  const auto state_of = reinterpret_cast<int (*)(int, unsigned *, int *)>(function);
  return state_of(device, &flags, &active) != 0 || active != 0;
}

// Makes the tensors' device current, and afterwards the one that was, if it had a context.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) : device_(device) {
    check(cudaGetDevice(&previous_), "no current CUDA device");
    if (previous_ != device) check(cudaSetDevice(device), "cannot use the tensors' CUDA device");
  }
  ~DeviceGuard() {
    // Setting a device makes a context there, which takes hundreds of megabytes of its memory.
    if (previous_ != device_ && has_context(previous_)) cudaSetDevice(previous_);
  }
  DeviceGuard(const DeviceGuard &) = delete;
  DeviceGuard &operator=(const DeviceGuard &) = delete;

  void expect(const void *data, const char *name) const {
    const int device = device_of(data, name);
    if (device != device_)
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s is on CUDA device %d, other arguments on %d", name, device, device_);
  }
  int64_t multiprocessors() const {
    int count = 0;
    check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device_), "cannot ask the CUDA device");
    return std::max(count, 1);
  }

 private:
  int device_, previous_ = 0;
};

void check_launch(const char *kernel) {
  const cudaError_t error = cudaGetLastError();
  if (error == cudaErrorNoKernelImageForDevice)
    fail(SCORECAM_STATUS_NO_DEVICE, "%s: this library has no code for the device (it has sm_75 and later)", kernel);
  check(error, kernel);
}

// Blocks for loops that stride by the grid.
unsigned grid_of(int64_t items) { return static_cast<unsigned>(std::clamp<int64_t>(items, 1, 65535)); }

template <class Out, class Arguments>
void launch_rows(const MaskedBatchRequest &request, const Arguments &arguments, cudaStream_t stream) {
  const MaskedBatchParams &params = arguments.params;
  const int64_t tiles = params.tiling.across * params.tiling.down;
  if (tiles > INT32_MAX) fail(SCORECAM_STATUS_UNSUPPORTED, "an image of %" PRId64 " tiles is too large", tiles);
  const dim3 grid(static_cast<unsigned>(tiles),
                  static_cast<unsigned>((params.rows + params.rows_per_block - 1) / params.rows_per_block));
  const size_t shared = static_cast<size_t>(shared_bytes(params.tiling, params.channels + 1));
  if (request.channels_last && request.channels == 3)
    masked_batch_kernel<Out, 3, Arguments><<<grid, kThreads, shared, stream>>>(arguments);
  else
    masked_batch_kernel<Out, 0, Arguments><<<grid, kThreads, shared, stream>>>(arguments);
  check_launch("masked_batch_kernel");
}

template <class Arguments>
void launch_chunk(const MaskedBatchRequest &request, const MaskedBatchParams &params, cudaStream_t stream) {
  const auto arguments = std::make_unique<Arguments>();
  for (int64_t row = 0; row < request.rows;) {
    arguments->params = params;
    row = fill_rows(request, row, *arguments);
    if (request.out_dtype == SCORECAM_DTYPE_FLOAT32)
      launch_rows<Float32Out>(request, *arguments, stream);
    else if (request.out_dtype == SCORECAM_DTYPE_BFLOAT16)
      launch_rows<Bfloat16Out>(request, *arguments, stream);
    else
      launch_rows<Float16Out>(request, *arguments, stream);
  }
}

}  // namespace

scorecam_status scorecam_cuda_channel_range(const scorecam_tensor *activations, int64_t height, int64_t width,
                                            const scorecam_masking *masking, scorecam_range *ranges, void *stream) {
  return guarded([&] {
    const RangeRequest request = check_channel_range(activations, height, width, masking, ranges);
    device_count();
    const int64_t channels = request.activations.sizes[0];
    if (channels == 0) return;
    const DeviceGuard device(device_of(request.activations.data, "activations"));
    device.expect(ranges, "ranges");
    const RangeParams params = range_params(request);
    channel_range_kernel<<<grid_of(channels), kThreads, static_cast<size_t>(shared_bytes(params.tiling, 0)),
                           static_cast<cudaStream_t>(stream)>>>(params, channels);
    check_launch("channel_range_kernel");
  });
}

scorecam_status scorecam_cuda_masked_batch(const scorecam_source *source, const int64_t *row_channels,
                                           const scorecam_masking *masking, const scorecam_tensor *out, void *stream) {
  return guarded([&] {
    const MaskedBatchRequest request = check_masked_batch(source, row_channels, masking, out);
    device_count();
    if (request.rows == 0) return;
    const DeviceGuard device(device_of(request.out, "out"));
    device.expect(request.source.image.data, "the image");
    if (request.source.activations.sizes[0] > 0) {
      device.expect(request.source.activations.data, "the activations");
      device.expect(request.source.ranges, "the ranges");
    }
    const MaskedBatchParams params = masked_batch_params(request, device.multiprocessors());
    if (request.rows <= SmallArguments::kRows)
      launch_chunk<SmallArguments>(request, params, static_cast<cudaStream_t>(stream));
    else
      launch_chunk<LargeArguments>(request, params, static_cast<cudaStream_t>(stream));
  });
}

scorecam_status scorecam_cuda_device_count(int32_t *count) {
  return guarded([&] {
    if (count == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "count is null");
    *count = 0;
    *count = device_count();
  });
}

int32_t scorecam_cuda_abi_version(void) { return SCORECAM_ABI_VERSION; }

const char *scorecam_cuda_last_message(void) { return last_message(); }
