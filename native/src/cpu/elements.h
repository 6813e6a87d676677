// Reading elements of any dtype and strides as float32.
#pragma once

#include <cstdint>

#include "common/half.h"
#include "scorecam.h"

namespace scorecam {

struct Elements {
  const char *data;
  int32_t dtype;

  float operator[](int64_t offset) const {
    if (dtype == SCORECAM_DTYPE_FLOAT32) return reinterpret_cast<const float *>(data)[offset];
    const uint16_t half = reinterpret_cast<const uint16_t *>(data)[offset];
    return dtype == SCORECAM_DTYPE_BFLOAT16 ? widen_bfloat16(half) : widen_float16(half);
  }

  // out[i * out_stride] = element offset + i * stride. The dtype is looked at once, not per element.
  void read(int64_t offset, int64_t stride, int64_t count, float *out, int64_t out_stride) const {
    switch (dtype) {
      case SCORECAM_DTYPE_FLOAT32:
        return read_as<float>(offset, stride, count, out, out_stride, [](float value) { return value; });
      case SCORECAM_DTYPE_BFLOAT16:
        return read_as<uint16_t>(offset, stride, count, out, out_stride, widen_bfloat16);
      default:
        return read_as<uint16_t>(offset, stride, count, out, out_stride, widen_float16);
    }
  }

 private:
  template <class Element, class Widen>
  void read_as(int64_t offset, int64_t stride, int64_t count, float *out, int64_t out_stride, Widen widen) const {
    const Element *from = reinterpret_cast<const Element *>(data) + offset;
    for (int64_t i = 0; i < count; ++i) out[i * out_stride] = widen(from[i * stride]);
  }
};

inline Elements elements(const scorecam_tensor &tensor) {
  return {static_cast<const char *>(tensor.data), tensor.dtype};
}

}  // namespace scorecam
