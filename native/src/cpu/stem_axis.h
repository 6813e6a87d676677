// Which cells of a map the windows of a convolution touch along one dimension.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/resample.h"
#include "cpu/window.h"

namespace scorecam {

struct StemAxis {
  // Cells begin to end of an output's window; none if it lies in the padding.
  struct Cells {
    int64_t begin, end;
    bool operator==(const Cells &other) const { return begin == other.begin && end == other.end; }
  };

  // d is 0 vertically, 1 horizontally.
  StemAxis(int32_t upsampling, int64_t map, int64_t pixels, const scorecam_window &window, int d) {
    const float scale = source_scale(upsampling, map, pixels);
    const int64_t outputs = window_outputs(window, d, pixels);
    for (int64_t o = 0; o < outputs; ++o) {
      Cells touched{map, 0};
      for (int64_t k = 0; k < window.kernel[d]; ++k) {
        const int64_t pixel = o * window.stride[d] - window.padding[d] + k * window.dilation[d];
        if (pixel < 0 || pixel >= pixels) continue;
        const Taps taps = taps_at(upsampling, map, pixels, scale, pixel);
        for (int t = 0; t < tap_count(upsampling); ++t) {
          if (taps.weight[t] == 0) continue;
          touched.begin = std::min(touched.begin, taps.index[t]);
          touched.end = std::max(touched.end, taps.index[t] + 1);
        }
      }
      if (touched.begin >= touched.end) touched = {0, 0};
      cells.push_back(touched);
      classes = std::max(classes, touched.end - touched.begin);
    }
  }

  std::vector<Cells> cells;  // of each output
  int64_t classes = 1;       // cells of an output at most
};

}  // namespace scorecam
