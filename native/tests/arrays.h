// Tensors for tests: storage of any dtype and layout behind a scorecam_tensor, with guards around the elements.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "common/half.h"
#include "scorecam.h"

namespace arrays {

inline int64_t size_of(int32_t dtype) { return dtype == SCORECAM_DTYPE_FLOAT32 ? 4 : 2; }

inline float widen(int32_t dtype, const void *data, int64_t offset) {
  if (dtype == SCORECAM_DTYPE_FLOAT32) return static_cast<const float *>(data)[offset];
  const uint16_t half = static_cast<const uint16_t *>(data)[offset];
  return dtype == SCORECAM_DTYPE_BFLOAT16 ? scorecam::widen_bfloat16(half) : scorecam::widen_float16(half);
}

inline void narrow(int32_t dtype, void *data, int64_t offset, float value) {
  if (dtype == SCORECAM_DTYPE_FLOAT32)
    static_cast<float *>(data)[offset] = value;
  else
    static_cast<uint16_t *>(data)[offset] =
        dtype == SCORECAM_DTYPE_BFLOAT16 ? scorecam::narrow_bfloat16(value) : scorecam::narrow_float16(value);
}

enum class Layout { contiguous, channels_last, gaps, reversed };

// Three or four dimensions; the layout is that of the last three.
class Array {
 public:
  Array(int32_t dtype, std::vector<int64_t> sizes, Layout layout, int64_t sample_gap = 0) : sizes_(std::move(sizes)) {
    tensor.dtype = dtype;
    tensor.rank = static_cast<int32_t>(sizes_.size());
    const std::size_t d = sizes_.size() - 3;
    const int64_t c = sizes_[d], h = sizes_[d + 1], w = sizes_[d + 2];
    int64_t strides[3] = {h * w, w, 1};
    int64_t sample = c * h * w, origin = 0;
    if (layout == Layout::channels_last) {
      strides[0] = 1;
      strides[1] = w * c;
      strides[2] = c;
    } else if (layout == Layout::gaps) {
      strides[2] = 2;
      strides[1] = 2 * w + 3;
      strides[0] = h * strides[1] + 5;
      sample = c * strides[0];
    } else if (layout == Layout::reversed) {
      origin = h * w - 1;
      strides[1] = -w;
      strides[2] = -1;
    }
    sample += sample_gap;
    total_ = (d ? sizes_[0] : 1) * sample;
    storage_.assign(static_cast<std::size_t>((total_ + 2 * kGuard) * size_of(dtype)), kFill);
    tensor.data = storage_.data() + (kGuard + origin) * size_of(dtype);
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      tensor.sizes[i] = sizes_[i];
      tensor.strides[i] = i < d ? sample : strides[i - d];
    }
  }
  Array(const Array &) = delete;
  Array &operator=(const Array &) = delete;

  float at(int64_t i, int64_t j, int64_t k) const { return widen(tensor.dtype, tensor.data, offset(i, j, k)); }
  void set(int64_t i, int64_t j, int64_t k, float value) { narrow(tensor.dtype, tensor.data, offset(i, j, k), value); }

  // Elements that belong to nobody, as before?
  bool guards_intact(int64_t sample, int64_t sample_gap) const {
    const int64_t bytes = size_of(tensor.dtype);
    for (int64_t i = 0; i < total_ + 2 * kGuard; ++i) {
      const int64_t in = i - kGuard;
      if (in >= 0 && in < total_ && in % (sample + sample_gap) < sample) continue;
      for (int64_t b = 0; b < bytes; ++b)
        if (storage_[static_cast<std::size_t>(i * bytes + b)] != kFill) return false;
    }
    return true;
  }

  scorecam_tensor tensor = {};

 private:
  static constexpr int64_t kGuard = 64;
  static constexpr unsigned char kFill = 0x5a;

  int64_t offset(int64_t i, int64_t j, int64_t k) const {
    return i * tensor.strides[0] + j * tensor.strides[1] + k * tensor.strides[2];
  }

  std::vector<int64_t> sizes_;
  int64_t total_ = 0;
  std::vector<unsigned char> storage_;
};

// Floats between guards.
class Dense {
 public:
  explicit Dense(int64_t floats) : values_(static_cast<std::size_t>(floats + 2 * kGuard), kFill) {}

  float *data() { return values_.data() + kGuard; }
  float &operator[](int64_t i) { return values_[static_cast<std::size_t>(kGuard + i)]; }
  int64_t size() const { return static_cast<int64_t>(values_.size()) - 2 * kGuard; }

  void fill(std::mt19937 &random) {
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < size(); ++i) (*this)[i] = normal(random);
  }

  bool guards_intact() const {
    return std::all_of(values_.begin(), values_.begin() + kGuard, [](float value) { return value == kFill; }) &&
           std::all_of(values_.end() - kGuard, values_.end(), [](float value) { return value == kFill; });
  }

 private:
  static constexpr int64_t kGuard = 37;  // so that nothing is aligned
  static constexpr float kFill = 12345;
  std::vector<float> values_;
};

inline void fill_uniform(Array &array, std::mt19937 &random, float low, float high) {
  std::uniform_real_distribution<float> uniform(low, high);
  for (int64_t i = 0; i < array.tensor.sizes[0]; ++i)
    for (int64_t j = 0; j < array.tensor.sizes[1]; ++j)
      for (int64_t k = 0; k < array.tensor.sizes[2]; ++k) array.set(i, j, k, uniform(random));
}

// Channels of an activation map that cover the special cases; the others stay random.
enum Channel : int64_t { kPlain, kConstant, kZero, kInfinite, kNan, kCopyOfPlain, kTiny, kChannels };

inline void fill_activations(Array &maps, std::mt19937 &random) {
  fill_uniform(maps, random, -1, 1);
  const int64_t h = maps.tensor.sizes[1], w = maps.tensor.sizes[2];
  for (int64_t y = 0; y < h; ++y)
    for (int64_t x = 0; x < w; ++x) {
      maps.set(kConstant, y, x, 0.3f);
      maps.set(kZero, y, x, (x + y) % 2 ? -0.0f : 0.0f);
      maps.set(kCopyOfPlain, y, x, maps.at(kPlain, y, x));
      maps.set(kTiny, y, x, maps.at(kTiny, y, x) * 1e-5f);
    }
  maps.set(kInfinite, h / 2, w / 2, std::numeric_limits<float>::infinity());
  if (h * w > 2) maps.set(kInfinite, 0, 0, -std::numeric_limits<float>::infinity());
  maps.set(kNan, h / 2, w - 1, std::numeric_limits<float>::quiet_NaN());
}

// How many representable halves lie between two.
inline int64_t ulps(uint16_t a, uint16_t b) {
  const auto ordered = [](uint16_t bits) {
    const int64_t magnitude = bits & 0x7fff;
    return bits & 0x8000 ? -magnitude : magnitude;
  };
  return std::llabs(ordered(a) - ordered(b));
}

// Equal within the tolerance; infinities and NaNs must be the same.
inline bool near(float actual, float expected, float tolerance) {
  if (std::isnan(expected)) return std::isnan(actual);
  if (std::isinf(expected)) return actual == expected;
  return std::fabs(actual - expected) <= tolerance;
}

}  // namespace arrays
