// The C functions on CUDA: check arguments, find the device, launch on the caller's stream, check the launch.
#include <cuda_runtime.h>

#include <algorithm>
#include <cinttypes>
#include <initializer_list>
#include <memory>

#include "common/failure.h"
#include "cuda/channel_range.cuh"
#include "cuda/combine.cuh"
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

// Makes the tensors' device current, and afterwards the one that was.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) : device_(device) {
    check(cudaGetDevice(&previous_), "no current CUDA device");
    if (previous_ != device) check(cudaSetDevice(device), "cannot use the tensors' CUDA device");
  }
  ~DeviceGuard() { cudaSetDevice(previous_); }
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

// Memory of the stream's pool, given back in the stream's order.
class Workspace {
 public:
  Workspace(size_t bytes, cudaStream_t stream) : stream_(stream) {
    check(cudaMallocAsync(&data_, bytes, stream), "cannot allocate workspace");
  }
  ~Workspace() { cudaFreeAsync(data_, stream_); }
  Workspace(const Workspace &) = delete;
  Workspace &operator=(const Workspace &) = delete;
  char *data() const { return static_cast<char *>(data_); }

 private:
  cudaStream_t stream_;
  void *data_ = nullptr;
};

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

scorecam_status scorecam_cuda_masked_batch(const scorecam_source *sources, int64_t source_count,
                                           const int64_t *row_sources, const int64_t *row_channels,
                                           const scorecam_masking *masking, const scorecam_tensor *out, void *stream) {
  return guarded([&] {
    const MaskedBatchRequest request =
        check_masked_batch(sources, source_count, row_sources, row_channels, masking, out);
    device_count();
    if (request.rows == 0) return;
    const DeviceGuard device(device_of(request.out, "out"));
    int64_t runs = 0;
    for (int64_t row = 0; row < request.rows; ++row)
      runs += row == 0 || &request.source(row) != &request.source(row - 1);
    for (int64_t s = 0; s < source_count; ++s) {
      device.expect(sources[s].image.data, "a source's image");
      if (sources[s].activations.sizes[0] == 0) continue;
      device.expect(sources[s].activations.data, "a source's activations");
      device.expect(sources[s].ranges, "a source's ranges");
    }
    const MaskedBatchParams params = masked_batch_params(request, device.multiprocessors());
    if (request.rows <= SmallArguments::kRows && runs <= SmallArguments::kSources)
      launch_chunk<SmallArguments>(request, params, static_cast<cudaStream_t>(stream));
    else
      launch_chunk<LargeArguments>(request, params, static_cast<cudaStream_t>(stream));
  });
}

scorecam_status scorecam_cuda_combine(const scorecam_tensor *activations, const float *weights, int32_t upsampling,
                                      int32_t options, float epsilon, const scorecam_tensor *out,
                                      scorecam_range *range, void *stream) {
  return guarded([&] {
    const CombineRequest request = check_combine(activations, weights, upsampling, options, epsilon, out, range);
    device_count();
    const DeviceGuard device(device_of(request.out.data, "out"));
    if (request.activations.sizes[0] > 0) {
      device.expect(request.activations.data, "activations");
      device.expect(weights, "weights");
    }
    if (range != nullptr) device.expect(range, "range");
    CombineParams params = combine_params(request);
    const auto queue = static_cast<cudaStream_t>(stream);
    const int64_t values = params.resize.map_height * params.resize.map_width;
    const Workspace workspace(sizeof(CombineState) + static_cast<size_t>(values) * sizeof(float), queue);
    params.state = reinterpret_cast<CombineState *>(workspace.data());
    params.sums = reinterpret_cast<float *>(workspace.data() + sizeof(CombineState));
    weighted_sum_kernel<<<grid_of(values), kThreads, 0, queue>>>(params);
    check_launch("weighted_sum_kernel");
    upsample_kernel<<<grid_of(params.tiling.across * params.tiling.down), kThreads,
                      static_cast<size_t>(shared_bytes(params.tiling, 0)), queue>>>(params);
    check_launch("upsample_kernel");
    if (range != nullptr || (options & SCORECAM_COMBINE_MIN_MAX)) {
      scale_kernel<<<grid_of(params.resize.height * params.resize.width / kThreads + 1), kThreads, 0, queue>>>(params);
      check_launch("scale_kernel");
    }
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
