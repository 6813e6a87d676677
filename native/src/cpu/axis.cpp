#include "cpu/axis.h"

#include <algorithm>

#include "common/resample.h"
#include "cpu/row_kernels.h"

namespace scorecam {

Axis::Axis(int32_t upsampling, int64_t in, int64_t out)
    : in(in),
      out(out),
      padded_out(padded(out)),
      taps(tap_count(upsampling)),
      index(static_cast<std::size_t>(taps * padded_out)),
      weight(static_cast<std::size_t>(taps * padded_out)),
      window(static_cast<std::size_t>(padded_out)) {
  const float scale = source_scale(upsampling, in, out);
  Taps last{};
  int32_t windows = 0;
  for (int64_t i = 0; i < padded_out; ++i) {
    const Taps at = taps_at(upsampling, in, out, scale, i < out ? i : out - 1);
    if (!std::equal(at.index, at.index + taps, last.index)) ++windows;
    window[static_cast<std::size_t>(i)] = windows;
    last = at;
    for (int t = 0; t < taps; ++t) {
      index[static_cast<std::size_t>(t * padded_out + i)] = static_cast<int32_t>(at.index[t]);
      weight[static_cast<std::size_t>(t * padded_out + i)] = at.weight[t];
    }
  }
}

}  // namespace scorecam
