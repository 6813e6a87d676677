// Maxima under a window as they are defined: SCORECAM_MAX_ISA=scalar.
#include <cmath>

#include "cpu/operations.h"

namespace scorecam {
namespace oracle {

void max_pool_batch(const MaxPoolRequest &request) {
  const scorecam_window &window = request.window;
  float *out = request.output;
  for (int64_t n = 0; n < request.images; ++n)
    for (int64_t y = 0; y < request.out_height; ++y)
      for (int64_t x = 0; x < request.out_width; ++x)
        for (int64_t c = 0; c < request.channels; ++c) {
          float largest = -INFINITY;
          for (int64_t r = 0; r < window.kernel[0]; ++r)
            for (int64_t s = 0; s < window.kernel[1]; ++s) {
              const int64_t row = y * window.stride[0] + r - window.padding[0];
              const int64_t column = x * window.stride[1] + s - window.padding[1];
              if (row < 0 || row >= request.height || column < 0 || column >= request.width) continue;
              const float value =
                  request.input[((n * request.height + row) * request.width + column) * request.channels + c];
              if (value > largest || std::isnan(value)) largest = value;
            }
          *out++ = largest;
        }
}

}  // namespace oracle
}  // namespace scorecam
