// How many outputs a filter has along one dimension.
#pragma once

#include <cstdint>

#include "scorecam.h"

namespace scorecam {

// Less than 1 if there are none; d is 0 vertically, 1 horizontally.
inline int64_t window_outputs(const scorecam_window &window, int d, int64_t pixels) {
  const int64_t reach = window.dilation[d] * (window.kernel[d] - 1) + 1;
  const int64_t steps = pixels + 2 * window.padding[d] - reach;
  return steps < 0 ? 0 : steps / window.stride[d] + 1;
}

}  // namespace scorecam
