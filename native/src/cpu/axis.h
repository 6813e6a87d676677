// The taps of every upsampled position along one dimension, computed once per call.
#pragma once

#include <cstdint>
#include <vector>

namespace scorecam {

struct Axis {
  // Entries beyond `out` repeat the last one, so that padding lanes neither read outside nor change a minimum.
  Axis(int32_t upsampling, int64_t in, int64_t out);

  int64_t in, out, padded_out;
  int taps;
  std::vector<int32_t> index;   // [taps][padded_out]
  std::vector<float> weight;    // [taps][padded_out]
  std::vector<int32_t> window;  // [padded_out], equal for neighbours that read the same of the source
};

}  // namespace scorecam
