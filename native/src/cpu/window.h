// How many outputs a filter has along one dimension.
#pragma once

#include <cstdint>

#include "scorecam.h"

namespace scorecam {

// 0 if there are none; d is 0 vertically, 1 horizontally. Rounded up, those count too that reach beyond the padding, if
// they begin before the padding behind the pixels: PyTorch's ceil_mode.
inline int64_t window_outputs(const scorecam_window &window, int d, int64_t pixels, bool rounds_up = false) {
  const int64_t stride = window.stride[d], padding = window.padding[d];
  const int64_t reach = window.dilation[d] * (window.kernel[d] - 1) + 1;
  const int64_t steps = pixels + 2 * padding - reach + (rounds_up ? stride - 1 : 0);
  const int64_t outputs = steps < 0 ? 0 : steps / stride + 1;
  const bool last_is_behind = rounds_up && (outputs - 1) * stride >= pixels + padding;
  return outputs > 0 && last_is_behind ? outputs - 1 : outputs;
}

}  // namespace scorecam
