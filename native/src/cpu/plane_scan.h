// Flags and hash of one channel's h x w values.
#pragma once

#include <cmath>
#include <cstdint>

#include "common/channel_hash.h"
#include "cpu/elements.h"

namespace scorecam {

struct PlaneScan {
  float min, max;
  int32_t flags;
  uint64_t hash;
};

// As torch's amin and amax: a NaN stays.
inline void fold_range(float value, float &min, float &max) {
  if (value < min || value != value) min = value;
  if (value > max || value != value) max = value;
}

inline PlaneScan scan_plane(const scorecam_tensor &activations, int64_t channel) {
  const Elements values = elements(activations);
  const int64_t height = activations.sizes[1], width = activations.sizes[2];
  const int64_t origin = channel * activations.strides[0];
  const float first = values[origin];
  PlaneScan scan{first, first, SCORECAM_RANGE_CONSTANT, 0};
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x) {
      const float value = values[origin + y * activations.strides[1] + x * activations.strides[2]];
      fold_range(value, scan.min, scan.max);
      if (!std::isfinite(value)) scan.flags |= SCORECAM_RANGE_NON_FINITE;
      if (value != first) scan.flags &= ~SCORECAM_RANGE_CONSTANT;
      scan.hash += hash_term(y * width + x, value);
    }
  if (scan.flags & SCORECAM_RANGE_NON_FINITE) scan.flags = SCORECAM_RANGE_NON_FINITE;
  return scan;
}

}  // namespace scorecam
