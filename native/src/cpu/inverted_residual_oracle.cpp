// An inverted residual as it is defined, in double, one pixel at a time: SCORECAM_MAX_ISA=scalar.
#include <vector>

#include "cpu/inverted_residual.h"
#include "cpu/operations.h"
#include "cpu/pixel_oracle.h"

namespace scorecam {
namespace oracle {

void inverted_residual_batch(const InvertedResidualRequest &request) {
  const inverted_residual::Packed at(request.expands ? request.inputs : 0, request.hidden, request.squeezed, request.outputs, request.side);
  const float *const weight = request.weight;
  const int64_t hidden = request.hidden, pixels = request.height * request.width;
  const int64_t out_pixels = request.out_height * request.out_width;
  const auto channels = [&](int64_t count) { return std::vector<double>(static_cast<std::size_t>(count)); };
  std::vector<double> expanded = channels(pixels * hidden), filtered = channels(out_pixels * hidden);
  std::vector<double> mean = channels(hidden), squeezed = channels(request.squeezed);
  for (int64_t n = 0; n < request.images; ++n) {
    const float *const image = request.input + n * pixels * request.inputs;
    for (int64_t p = 0; p < pixels; ++p)
      for (int64_t c = 0; c < hidden; ++c)
        expanded[static_cast<std::size_t>(p * hidden + c)] =
            request.expands ? activation(request.activation, pointwise(image + p * request.inputs, request.inputs,
                                                                       weight, weight + at.expand_bias, c))
                            : static_cast<double>(image[p * hidden + c]);
    for (int64_t p = 0; p < out_pixels; ++p)
      for (int64_t c = 0; c < hidden; ++c) {
        double sum = static_cast<double>(weight[at.filter_bias + c]);
        for (int64_t tap = 0; tap < request.side * request.side; ++tap) {
          const int64_t row = p / request.out_width * request.stride + tap / request.side - request.side / 2;
          const int64_t column = p % request.out_width * request.stride + tap % request.side - request.side / 2;
          if (row < 0 || row >= request.height || column < 0 || column >= request.width) continue;
          sum += static_cast<double>(weight[at.filter + tap * padded(hidden) + c]) *
                 expanded[static_cast<std::size_t>((row * request.width + column) * hidden + c)];
        }
        filtered[static_cast<std::size_t>(p * hidden + c)] = activation(request.activation, sum);
      }
    if (request.squeezed > 0) {
      for (int64_t c = 0; c < hidden; ++c) {
        double sum = 0;
        for (int64_t p = 0; p < out_pixels; ++p) sum += filtered[static_cast<std::size_t>(p * hidden + c)];
        mean[static_cast<std::size_t>(c)] = sum / static_cast<double>(out_pixels);
      }
      for (int64_t q = 0; q < request.squeezed; ++q)
        squeezed[static_cast<std::size_t>(q)] =
            activation(request.squeeze_activation,
                       pointwise(mean.data(), hidden, weight + at.squeeze, weight + at.squeeze_bias, q));
      for (int64_t c = 0; c < hidden; ++c) {
        const double scale = activation(request.gate, pointwise(squeezed.data(), request.squeezed, weight + at.excite,
                                                                weight + at.excite_bias, c));
        for (int64_t p = 0; p < out_pixels; ++p) filtered[static_cast<std::size_t>(p * hidden + c)] *= scale;
      }
    }
    for (int64_t p = 0; p < out_pixels; ++p) {
      const double *const values = filtered.data() + p * hidden;
      const int64_t pixel = n * out_pixels + p;
      if (request.outputs == 0)
        for (int64_t c = 0; c < hidden; ++c) request.output[pixel * hidden + c] = static_cast<float>(values[c]);
      for (int64_t o = 0; o < request.outputs; ++o) {
        double sum = pointwise(values, hidden, weight + at.project, weight + at.project_bias, o);
        if (request.adds_input) sum += static_cast<double>(image[p * request.inputs + o]);
        request.output[pixel * request.outputs + o] = static_cast<float>(sum);
      }
    }
  }
}

}  // namespace oracle
}  // namespace scorecam
