// Maxima under a window, one output pixel at a time. What neighbours read as well is still near, so memory is read once.
#include <algorithm>

#include "cpu/operations.h"
#include "cpu/parallel.h"

namespace scorecam {
namespace {

// The lines of an image under the window at an output.
struct Lines {
  Lines(const scorecam_window &window, int d, int64_t output, int64_t size)
      : begin(std::max<int64_t>(0, output * window.stride[d] - window.padding[d])),
        end(std::min(size, output * window.stride[d] - window.padding[d] + window.kernel[d])) {}

  int64_t begin, end;
};

}  // namespace

void max_pool_batch(const MaxPoolRequest &request, const PixelKernels &kernels) {
  const int64_t rows = request.images * request.out_height, row_floats = request.width * request.channels;
  const int threads = thread_count(rows, rows * request.out_width * request.channels * 4);
  parallel(threads, rows, [&](int64_t begin, int64_t end, int) {
    float *out = request.output + begin * request.out_width * request.channels;
    for (int64_t row = begin; row < end; ++row) {
      const Lines above(request.window, 0, row % request.out_height, request.height);
      const float *const from =
          request.input + (row / request.out_height * request.height + above.begin) * row_floats;
      for (int64_t x = 0; x < request.out_width; ++x, out += request.channels) {
        const Lines across(request.window, 1, x, request.width);
        kernels.pooled({above.end - above.begin, across.end - across.begin, request.channels,
                        from + across.begin * request.channels, row_floats, out});
      }
    }
  });
}

}  // namespace scorecam
