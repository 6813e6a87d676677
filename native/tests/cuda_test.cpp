// The CUDA library on a device against the CPU library, and without a device how it refuses.
//
//   cuda_test refuses   skipped (77) if there is a device
//   cuda_test device    skipped (77) if there is none
#include <cuda_runtime_api.h>

#include <cstring>
#include <string>

#include "arrays.h"
#include "check.h"
#include "scorecam_cuda.h"

using namespace arrays;

namespace {

constexpr int kSkipped = 77;

bool ok(scorecam_status status, const char *message) {
  return CHECK(status == SCORECAM_STATUS_OK, "%s: %s", scorecam_status_name(status), message);
}
bool on_cpu(scorecam_status status) { return ok(status, scorecam_last_message()); }
bool on_device(scorecam_status status) { return ok(status, scorecam_cuda_last_message()); }

bool cuda(cudaError_t error) { return CHECK(error == cudaSuccess, "%s", cudaGetErrorString(error)); }

// A copy of host memory on the device.
class DeviceCopy {
 public:
  DeviceCopy(const void *host, std::size_t bytes) : bytes_(bytes) {
    cuda(cudaMalloc(&data_, bytes));
    cuda(cudaMemcpy(data_, host, bytes, cudaMemcpyHostToDevice));
  }
  ~DeviceCopy() { cudaFree(data_); }
  DeviceCopy(const DeviceCopy &) = delete;
  DeviceCopy &operator=(const DeviceCopy &) = delete;
  void *data() const { return data_; }
  void read(void *host) const { cuda(cudaMemcpy(host, data_, bytes_, cudaMemcpyDeviceToHost)); }

 private:
  void *data_ = nullptr;
  std::size_t bytes_;
};

// Contiguous or channels-last, without gaps.
std::size_t bytes_of(const scorecam_tensor &tensor) {
  int64_t count = size_of(tensor.dtype);
  for (int32_t i = 0; i < tensor.rank; ++i) count *= tensor.sizes[i];
  return static_cast<std::size_t>(count);
}

scorecam_tensor with_data(scorecam_tensor tensor, void *data) {
  tensor.data = data;
  return tensor;
}

int refuses() {
  int32_t count = 0;
  const scorecam_status status = scorecam_cuda_device_count(&count);
  if (status == SCORECAM_STATUS_OK) {
    std::printf("skipped: there are %d CUDA devices\n", count);
    return kSkipped;
  }
  std::printf("%s: %s\n", scorecam_status_name(status), scorecam_cuda_last_message());
  CHECK(status == SCORECAM_STATUS_NO_DEVICE, "%s", scorecam_status_name(status));
  CHECK(std::strstr(scorecam_cuda_last_message(), "CUDA") != nullptr, "%s", scorecam_cuda_last_message());
  // Operations refuse in the same way, and bad arguments still come first.
  float map = 1, plane[4];
  scorecam_range range;
  const scorecam_masking masking = {SCORECAM_UPSAMPLING_BICUBIC, SCORECAM_NORMALISE_AFTER, 0, 0};
  const scorecam_tensor maps = {&map, SCORECAM_DTYPE_FLOAT32, 3, {1, 1, 1, 0}, {1, 1, 1, 0}};
  const scorecam_tensor out = {plane, SCORECAM_DTYPE_FLOAT32, 4, {1, 1, 2, 2}, {4, 4, 2, 1}};
  CHECK(scorecam_cuda_channel_range(&maps, 2, 2, &masking, &range, nullptr) == SCORECAM_STATUS_NO_DEVICE, "range");
  const int64_t channel = 0;
  const scorecam_source source = {maps, {&map, SCORECAM_DTYPE_FLOAT32, 3, {1, 2, 2, 0}, {4, 2, 1, 0}}, &range};
  CHECK(scorecam_cuda_masked_batch(&source, &channel, &masking, &out, nullptr) == SCORECAM_STATUS_NO_DEVICE, "batch");
  CHECK(scorecam_cuda_masked_batch(nullptr, &channel, &masking, &out, nullptr) == SCORECAM_STATUS_INVALID_ARGUMENT,
        "batch");
  return check::report();
}

void compare(const Array &actual, const Array &expected, int64_t elements, const char *what) {
  const int32_t dtype = actual.tensor.dtype;
  const float tolerance = dtype == SCORECAM_DTYPE_FLOAT32 ? 1e-5f : dtype == SCORECAM_DTYPE_FLOAT16 ? 2e-3f : 2e-2f;
  for (int64_t i = 0; i < elements; ++i) {
    const float value = widen(dtype, actual.tensor.data, i), right = widen(dtype, expected.tensor.data, i);
    CHECK(near(value, right, tolerance), "%s, dtype %d, element %lld: %g, not %g", what, dtype,
          static_cast<long long>(i), static_cast<double>(value), static_cast<double>(right));
  }
}

void test_shape(int64_t h, int64_t w, int64_t height, int64_t width, int64_t channels, const scorecam_masking &masking,
                Layout layout, std::mt19937 &random, cudaStream_t stream) {
  char what[120];
  std::snprintf(what, sizeof what, "%dx%d to %dx%dx%d, upsampling %d, normalisation %d", static_cast<int>(h),
                static_cast<int>(w), static_cast<int>(channels), static_cast<int>(height), static_cast<int>(width),
                masking.upsampling, masking.normalisation);
  Array maps(SCORECAM_DTYPE_FLOAT32, {kChannels, h, w}, Layout::contiguous);
  Array image(SCORECAM_DTYPE_FLOAT32, {channels, height, width}, layout);
  fill_activations(maps, random);
  fill_uniform(image, random, -2, 2);
  const DeviceCopy device_maps(maps.tensor.data, bytes_of(maps.tensor));
  const DeviceCopy device_image(image.tensor.data, bytes_of(image.tensor));

  std::vector<scorecam_range> expected_ranges(kChannels), ranges(kChannels);
  const DeviceCopy device_ranges(ranges.data(), ranges.size() * sizeof(scorecam_range));
  const scorecam_tensor device_activations = with_data(maps.tensor, device_maps.data());
  on_cpu(scorecam_channel_range(&maps.tensor, height, width, &masking, expected_ranges.data()));
  on_device(scorecam_cuda_channel_range(&device_activations, height, width, &masking,
                                        static_cast<scorecam_range *>(device_ranges.data()), stream));
  cuda(cudaStreamSynchronize(stream));
  device_ranges.read(ranges.data());
  for (std::size_t k = 0; k < ranges.size(); ++k)
    CHECK(near(ranges[k].min, expected_ranges[k].min, 2e-6f) && near(ranges[k].max, expected_ranges[k].max, 2e-6f) &&
              ranges[k].flags == expected_ranges[k].flags && ranges[k].hash == expected_ranges[k].hash,
          "%s: range of channel %zu", what, k);

  constexpr int64_t rows = 9;
  const int64_t row_channels[rows] = {kPlain, kConstant, kCopyOfPlain, SCORECAM_CHANNEL_NONE, kInfinite, kNan, kZero,
                                      kPlain, kPlain};
  const DeviceCopy same_ranges(expected_ranges.data(), expected_ranges.size() * sizeof(scorecam_range));
  const scorecam_source host_source = {maps.tensor, image.tensor, expected_ranges.data()};
  const scorecam_source device_source = {device_activations, with_data(image.tensor, device_image.data()),
                                         static_cast<const scorecam_range *>(same_ranges.data())};
  for (const int32_t dtype : {SCORECAM_DTYPE_FLOAT32, SCORECAM_DTYPE_BFLOAT16, SCORECAM_DTYPE_FLOAT16}) {
    Array expected(dtype, {rows, channels, height, width}, layout), actual(dtype, {rows, channels, height, width}, layout);
    const DeviceCopy device_out(actual.tensor.data, bytes_of(actual.tensor));
    const scorecam_tensor out = with_data(actual.tensor, device_out.data());
    on_cpu(scorecam_masked_batch(&host_source, row_channels, &masking, &expected.tensor));
    on_device(scorecam_cuda_masked_batch(&device_source, row_channels, &masking, &out, stream));
    cuda(cudaStreamSynchronize(stream));
    device_out.read(actual.tensor.data);
    compare(actual, expected, rows * channels * height * width, what);
  }

}

int device() {
  int32_t count = 0;
  if (scorecam_cuda_device_count(&count) != SCORECAM_STATUS_OK) {
    std::printf("skipped: %s\n", scorecam_cuda_last_message());
    return kSkipped;
  }
  cudaStream_t stream;
  cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  std::mt19937 random(5);
  const int64_t shapes[][5] = {{7, 7, 224, 224, 3},  {14, 14, 225, 223, 3}, {1, 1, 3, 5, 3},  {5, 3, 17, 33, 1},
                               {9, 4, 20, 24, 4},    {4, 9, 7, 29, 13},     {40, 30, 11, 13, 3}, {14, 14, 3, 4100, 3},
                               {6, 6, 2, 3, 3000},   {12, 12, 12, 12, 3},   {300, 3, 5, 8, 3}};
  for (const auto &shape : shapes)
    for (int32_t upsampling = 0; upsampling < 4; ++upsampling)
      for (const int32_t normalisation : {SCORECAM_NORMALISE_AFTER, SCORECAM_NORMALISE_BEFORE})
        for (const Layout layout : {Layout::contiguous, Layout::channels_last})
          test_shape(shape[0], shape[1], shape[2], shape[3], shape[4], {upsampling, normalisation, 1e-8f, 0}, layout,
                     random, stream);

  // Host memory is refused.
  float map = 1;
  scorecam_range range;
  const scorecam_masking masking = {SCORECAM_UPSAMPLING_BICUBIC, SCORECAM_NORMALISE_AFTER, 0, 0};
  const scorecam_tensor maps = {&map, SCORECAM_DTYPE_FLOAT32, 3, {1, 1, 1, 0}, {1, 1, 1, 0}};
  CHECK(scorecam_cuda_channel_range(&maps, 2, 2, &masking, &range, stream) == SCORECAM_STATUS_INVALID_ARGUMENT &&
            std::strstr(scorecam_cuda_last_message(), "activations") != nullptr,
        "host memory: %s", scorecam_cuda_last_message());
  cuda(cudaStreamDestroy(stream));
  return check::report();
}

}  // namespace

int main(int argc, char **argv) {
  const std::string test = argc > 1 ? argv[1] : "";
  return test == "refuses" ? refuses() : test == "device" ? device() : 2;
}
