// What the kernels are tested against, and what SCORECAM_MAX_ISA=scalar runs: the definitions of scorecam.h,
// written down pixel by pixel. It shares with the kernels only the definition of a position's taps.
#include <cmath>
#include <limits>
#include <vector>

#include "common/resample.h"
#include "cpu/elements.h"
#include "cpu/operations.h"
#include "cpu/plane_scan.h"

namespace scorecam {
namespace oracle {
namespace {

// An h x w map as float32.
struct Map {
  int64_t height, width;
  std::vector<float> values;

  Map(int64_t height, int64_t width)
      : height(height), width(width), values(static_cast<std::size_t>(height * width)) {}

  Map(const scorecam_tensor &activations, int64_t k) : Map(activations.sizes[1], activations.sizes[2]) {
    for (int64_t y = 0; y < height; ++y)
      for (int64_t x = 0; x < width; ++x)
        at(y, x) = elements(activations)[k * activations.strides[0] + y * activations.strides[1] +
                                         x * activations.strides[2]];
  }

  float &at(int64_t y, int64_t x) { return values[static_cast<std::size_t>(y * width + x)]; }
  float at(int64_t y, int64_t x) const { return values[static_cast<std::size_t>(y * width + x)]; }
};

float upsample_at(const Map &map, int32_t upsampling, int64_t height, int64_t width, int64_t y, int64_t x) {
  const Taps down = taps_at(upsampling, map.height, height, source_scale(upsampling, map.height, height), y);
  const Taps across = taps_at(upsampling, map.width, width, source_scale(upsampling, map.width, width), x);
  float sum = 0;
  for (int i = 0; i < tap_count(upsampling); ++i) {
    float row = 0;
    for (int j = 0; j < tap_count(upsampling); ++j) row += across.weight[j] * map.at(down.index[i], across.index[j]);
    sum += down.weight[i] * row;
  }
  return sum;
}

void store(char *out, int32_t dtype, int64_t offset, float value) {
  if (dtype == SCORECAM_DTYPE_FLOAT32)
    reinterpret_cast<float *>(out)[offset] = value;
  else
    reinterpret_cast<uint16_t *>(out)[offset] =
        dtype == SCORECAM_DTYPE_BFLOAT16 ? narrow_bfloat16(value) : narrow_float16(value);
}

}  // namespace

void channel_range(const RangeRequest &request) {
  for (int64_t k = 0; k < request.activations.sizes[0]; ++k) {
    const PlaneScan scan = scan_plane(request.activations, k);
    scorecam_range &range = request.ranges[k];
    range = {scan.min, scan.max, scan.flags, 0, scan.hash};
    if ((scan.flags & SCORECAM_RANGE_CONSTANT) || request.masking.normalisation == SCORECAM_NORMALISE_BEFORE) continue;
    const Map map(request.activations, k);
    range.min = std::numeric_limits<float>::infinity();
    range.max = -range.min;
    for (int64_t y = 0; y < request.height; ++y)
      for (int64_t x = 0; x < request.width; ++x)
        if (range.min == range.min)
          fold_range(upsample_at(map, request.masking.upsampling, request.height, request.width, y, x), range.min,
                     range.max);
    if (!std::isfinite(range.min) || !std::isfinite(range.max)) range.flags |= SCORECAM_RANGE_NON_FINITE;
  }
}

void masked_batch(const MaskedBatchRequest &request) {
  const int64_t channels = request.channels, height = request.height, width = request.width;
  for (int64_t b = 0; b < request.rows; ++b) {
    const int64_t k = request.row_channels[b];
    const bool zero = k == SCORECAM_CHANNEL_NONE || (request.source.ranges[k].flags & SCORECAM_RANGE_CONSTANT);
    const scorecam_range range = zero ? scorecam_range{} : request.source.ranges[k];
    const float divisor = range.max - range.min + request.masking.epsilon;
    const bool before = request.masking.normalisation == SCORECAM_NORMALISE_BEFORE;
    Map map = zero ? Map(request.map_height, request.map_width) : Map(request.source.activations, k);
    if (before && !zero)
      for (float &value : map.values) value = (value - range.min) / divisor;
    for (int64_t y = 0; y < height; ++y)
      for (int64_t x = 0; x < width; ++x) {
        float mask = upsample_at(map, request.masking.upsampling, height, width, y, x);
        if (!before) mask = (mask - range.min) / divisor;
        for (int64_t c = 0; c < channels; ++c) {
          const scorecam_tensor &image = request.source.image;
          const float pixel =
              elements(image)[c * image.strides[0] + y * image.strides[1] + x * image.strides[2]];
          const int64_t in_sample = request.channels_last ? (y * width + x) * channels + c : (c * height + y) * width + x;
          store(request.out, request.out_dtype, b * request.sample_stride + in_sample, zero ? 0 : pixel * mask);
        }
      }
  }
}

}  // namespace oracle
}  // namespace scorecam
