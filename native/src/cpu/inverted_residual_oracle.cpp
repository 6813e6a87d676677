// An inverted residual as it is defined, in double, one pixel at a time: SCORECAM_MAX_ISA=scalar.
#include <vector>

#include "cpu/inverted_residual.h"
#include "cpu/operations.h"
#include "cpu/pixel_oracle.h"

namespace scorecam {
namespace oracle {

void inverted_residual_batch(const InvertedResidualRequest &request) {
  const inverted_residual::Packed at(request.expands ? request.inputs : 0, request.hidden, request.outputs, request.side);
  const float *const weight = request.weight;
  const int64_t hidden = request.hidden, pixels = request.height * request.width;
  std::vector<double> expanded(static_cast<std::size_t>(pixels * hidden)), filtered(static_cast<std::size_t>(hidden));
  for (int64_t n = 0; n < request.images; ++n) {
    const float *const image = request.input + n * pixels * request.inputs;
    for (int64_t p = 0; p < pixels; ++p)
      for (int64_t c = 0; c < hidden; ++c)
        expanded[static_cast<std::size_t>(p * hidden + c)] =
            request.expands ? activation(request.activation, pointwise(image + p * request.inputs, request.inputs,
                                                                       weight, weight + at.expand_bias, c))
                            : static_cast<double>(image[p * hidden + c]);
    for (int64_t y = 0; y < request.out_height; ++y)
      for (int64_t x = 0; x < request.out_width; ++x) {
        for (int64_t c = 0; c < hidden; ++c) {
          double sum = static_cast<double>(weight[at.filter_bias + c]);
          for (int64_t tap = 0; tap < request.side * request.side; ++tap) {
            const int64_t row = y * request.stride + tap / request.side - request.side / 2;
            const int64_t column = x * request.stride + tap % request.side - request.side / 2;
            if (row < 0 || row >= request.height || column < 0 || column >= request.width) continue;
            sum += static_cast<double>(weight[at.filter + tap * padded(hidden) + c]) *
                   expanded[static_cast<std::size_t>((row * request.width + column) * hidden + c)];
          }
          filtered[static_cast<std::size_t>(c)] = activation(request.activation, sum);
        }
        const int64_t pixel = (n * request.out_height + y) * request.out_width + x;
        if (request.outputs == 0)
          for (int64_t c = 0; c < hidden; ++c)
            request.output[pixel * hidden + c] = static_cast<float>(filtered[static_cast<std::size_t>(c)]);
        for (int64_t o = 0; o < request.outputs; ++o) {
          double sum = pointwise(filtered.data(), hidden, weight + at.project, weight + at.project_bias, o);
          if (request.adds_input) sum += static_cast<double>(image[(y * request.width + x) * request.inputs + o]);
          request.output[pixel * request.outputs + o] = static_cast<float>(sum);
        }
      }
  }
}

}  // namespace oracle
}  // namespace scorecam
