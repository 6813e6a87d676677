// The cells of a mask at the size of its map.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/elements.h"
#include "scorecam.h"

namespace scorecam {

// Writes [h, w]: (A - min) / (max - min + epsilon) of a channel, or zeros for one that is constant or none.
inline void stem_values(const scorecam_stem &stem, int64_t channel, const scorecam_masking &masking, float *to) {
  const scorecam_tensor &maps = stem.activations;
  const int64_t h = maps.sizes[1], w = maps.sizes[2];
  if (channel == SCORECAM_CHANNEL_NONE || (stem.ranges[channel].flags & SCORECAM_RANGE_CONSTANT)) {
    std::fill_n(to, h * w, 0.0f);
    return;
  }
  const scorecam_range &range = stem.ranges[channel];
  const float divisor = range.max - range.min + masking.epsilon;
  const Elements values = elements(maps);
  for (int64_t y = 0; y < h; ++y)
    for (int64_t x = 0; x < w; ++x)
      *to++ = (values[channel * maps.strides[0] + y * maps.strides[1] + x * maps.strides[2]] - range.min) / divisor;
}

}  // namespace scorecam
