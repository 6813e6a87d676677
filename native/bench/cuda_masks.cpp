// How fast masked images are written on a CUDA device, compared with a copy within its memory.
//
//   scorecam_cuda_bench [masked images = 512] [repetitions = 20]
//
// The images are one chunk, larger than any cache. It is written, and a chunk as large copied, in turns; of each the
// best repetition counts. A copy moves each byte twice, from and to memory; masks read next to nothing, so that their
// bytes are those of the chunk. Exits with 77 where there is no device.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "scorecam_cuda.h"

namespace {

constexpr int kSkipped = 77;
constexpr int64_t kChannels = 3, kSide = 224, kPixels = kSide * kSide, kSample = kChannels * kPixels;

struct Case {
  int64_t side;
  int32_t upsampling, dtype;
  bool channels_last;
};

void check(scorecam_status status) {
  if (status == SCORECAM_STATUS_OK) return;
  std::fprintf(stderr, "%s: %s\n", scorecam_status_name(status), scorecam_cuda_last_message());
  std::exit(1);
}

void check(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "%s\n", cudaGetErrorString(error));
  std::exit(1);
}

class DeviceMemory {
 public:
  explicit DeviceMemory(int64_t bytes) { check(cudaMalloc(&data_, static_cast<std::size_t>(bytes))); }
  DeviceMemory(int64_t floats, float low, float high, std::mt19937 &random) : DeviceMemory(floats * 4) {
    std::uniform_real_distribution<float> uniform(low, high);
    std::vector<float> values(static_cast<std::size_t>(floats));
    for (float &value : values) value = uniform(random);
    check(cudaMemcpy(data_, values.data(), values.size() * sizeof(float), cudaMemcpyHostToDevice));
  }
  ~DeviceMemory() { cudaFree(data_); }
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;
  void *data() const { return data_; }

 private:
  void *data_ = nullptr;
};

// The time that queued work takes on the device.
class Watch {
 public:
  explicit Watch(cudaStream_t stream) : stream_(stream) {
    check(cudaEventCreate(&begin_));
    check(cudaEventCreate(&end_));
  }
  ~Watch() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }
  Watch(const Watch &) = delete;
  Watch &operator=(const Watch &) = delete;

  template <class Work>
  double seconds(const Work &work) {
    check(cudaEventRecord(begin_, stream_));
    work();
    check(cudaEventRecord(end_, stream_));
    check(cudaEventSynchronize(end_));
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin_, end_));
    return static_cast<double>(milliseconds) / 1e3;
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

// Bytes a second of the masks, as a part of those of the copy.
double measure(const Case &at, int64_t rows, int repetitions, const DeviceMemory &chunk, const DeviceMemory &copied,
               cudaStream_t stream) {
  std::mt19937 random(1);
  const DeviceMemory maps(rows * at.side * at.side, 0, 1, random), image(kSample, -2, 2, random);
  const DeviceMemory ranges(rows * static_cast<int64_t>(sizeof(scorecam_range)));
  std::vector<int64_t> channels(static_cast<std::size_t>(rows));
  for (std::size_t k = 0; k < channels.size(); ++k) channels[k] = static_cast<int64_t>(k);
  const scorecam_masking masking = {at.upsampling, SCORECAM_NORMALISE_AFTER, 1e-8f, 0};
  scorecam_source source = {};
  source.activations = {maps.data(), SCORECAM_DTYPE_FLOAT32, 3, {rows, at.side, at.side, 0},
                        {at.side * at.side, at.side, 1, 0}};
  source.image = {image.data(), SCORECAM_DTYPE_FLOAT32, 3, {kChannels, kSide, kSide, 0}, {kPixels, kSide, 1, 0}};
  source.ranges = static_cast<const scorecam_range *>(ranges.data());
  scorecam_tensor out = {chunk.data(), at.dtype, 4, {rows, kChannels, kSide, kSide}, {kSample, kPixels, kSide, 1}};
  if (at.channels_last) {
    out.strides[1] = 1;
    out.strides[2] = kSide * kChannels;
    out.strides[3] = kChannels;
  }
  const int64_t bytes = rows * kSample * (at.dtype == SCORECAM_DTYPE_FLOAT32 ? 4 : 2);

  Watch watch(stream);
  double range = 1e9, masks = 1e9, copy = 1e9;
  for (int repetition = -2; repetition < repetitions; ++repetition) {
    const double ranges_took = watch.seconds([&] {
      check(scorecam_cuda_channel_range(&source.activations, kSide, kSide, &masking,
                                        static_cast<scorecam_range *>(ranges.data()), stream));
    });
    const double masks_took =
        watch.seconds([&] { check(scorecam_cuda_masked_batch(&source, channels.data(), &masking, &out, stream)); });
    const double copy_took = watch.seconds([&] {
      check(cudaMemcpyAsync(copied.data(), chunk.data(), static_cast<std::size_t>(bytes), cudaMemcpyDeviceToDevice,
                            stream));
    });
    if (repetition < 0) continue;
    range = std::min(range, ranges_took);
    masks = std::min(masks, masks_took);
    copy = std::min(copy, copy_took);
  }
  const double written = static_cast<double>(bytes) / masks, moved = 2 * static_cast<double>(bytes) / copy;
  static const char *const upsamplings[] = {"nearest", "bilinear", "aligned", "bicubic"};
  static const char *const dtypes[] = {"float32", "bfloat16", "float16"};
  std::printf("%2dx%-2d %-8s %-8s %-13s %8.3f %8.3f %8.3f %8.1f %8.1f %5.0f %%\n", static_cast<int>(at.side),
              static_cast<int>(at.side), upsamplings[at.upsampling], dtypes[at.dtype],
              at.channels_last ? "channels-last" : "contiguous", 1e3 * range, 1e3 * masks, 1e3 * copy, written / 1e9,
              moved / 1e9, 100 * written / moved);
  std::fflush(stdout);
  return written / moved;
}

}  // namespace

int main(int argc, char **argv) {
  const int64_t rows = argc > 1 ? std::atoll(argv[1]) : 512;
  const int repetitions = argc > 2 ? std::atoi(argv[2]) : 20;
  if (rows < 1 || repetitions < 1) {
    std::fprintf(stderr, "masked images and repetitions must be positive\n");
    return 2;
  }
  int32_t count = 0;
  if (scorecam_cuda_device_count(&count) != SCORECAM_STATUS_OK) {
    std::printf("skipped: %s\n", scorecam_cuda_last_message());
    return kSkipped;
  }
  cudaDeviceProp device{};
  check(cudaGetDeviceProperties(&device, 0));
  std::printf("%s, %lld images 3x224x224\n", device.name, static_cast<long long>(rows));
  std::printf("size  upsample dtype    layout        range ms  mask ms  copy ms  masks GB/s  copy  of copy\n");
  const DeviceMemory chunk(rows * kSample * 4), copied(rows * kSample * 4);
  cudaStream_t stream;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  double least = 1e9, most = 0;
  for (const int64_t side : {7, 14})
    for (const int32_t dtype : {SCORECAM_DTYPE_FLOAT32, SCORECAM_DTYPE_BFLOAT16, SCORECAM_DTYPE_FLOAT16})
      for (const bool channels_last : {false, true})
        for (const int32_t upsampling : {SCORECAM_UPSAMPLING_BILINEAR, SCORECAM_UPSAMPLING_BICUBIC}) {
          const double part = measure({side, upsampling, dtype, channels_last}, rows, repetitions, chunk, copied, stream);
          least = std::min(least, part);
          most = std::max(most, part);
        }
  check(cudaStreamDestroy(stream));
  std::printf("masks: %.0f to %.0f %% of the bytes a second of a copy on the device\n", 100 * least, 100 * most);
  return 0;
}
