// A convolution as it is defined, one output at a time: SCORECAM_MAX_ISA=scalar. The 3 x 3 weights are taken back out
// of the packed ones, which have them up to rounding.
#include <vector>

#include "cpu/operations.h"
#include "cpu/winograd.h"

namespace scorecam {
namespace oracle {
namespace {

using namespace winograd;

// g of G g: see transform_weight in winograd_pack.cpp.
void restore(const double transformed[kSide], double g[3]) {
  constexpr double a = kPointA, a2 = a * a, b2 = static_cast<double>(kPointB) * kPointB;
  g[0] = transformed[0] * a2 * b2;
  g[1] = (transformed[1] - transformed[2]) * a * (a2 - b2);
  g[2] = transformed[5];
}

// [3, 3] of an input and an output.
void weight_of(const ConvolutionRequest &request, int64_t o, int64_t i, double g[9]) {
  const float *from =
      request.weight + o / kPanel * panel_floats(request.inputs) + i * kPanel + o % kPanel;
  double half[3][kSide];
  for (int64_t column = 0; column < kSide; ++column) {
    double transformed[kSide], restored[3];
    for (int64_t row = 0; row < kSide; ++row)
      transformed[row] = static_cast<double>(from[(row * kSide + column) * matrix_floats(request.inputs)]);
    restore(transformed, restored);
    for (int64_t row = 0; row < 3; ++row) half[row][column] = restored[row];
  }
  for (int64_t row = 0; row < 3; ++row) restore(half[row], g + 3 * row);
}

double output_at(const ConvolutionRequest &request, const std::vector<double> &weights, int64_t n, int64_t y,
                 int64_t x) {
  double sum = 0;
  for (int64_t r = 0; r < 3; ++r)
    for (int64_t s = 0; s < 3; ++s) {
      const int64_t row = y + r - request.padding, column = x + s - request.padding;
      if (row < 0 || row >= request.height || column < 0 || column >= request.width) continue;
      const float *pixel = request.input + ((n * request.height + row) * request.width + column) * request.inputs;
      for (int64_t i = 0; i < request.inputs; ++i)
        sum += weights[static_cast<std::size_t>(9 * i + 3 * r + s)] * static_cast<double>(pixel[i]);
    }
  return sum;
}

}  // namespace

void winograd_convolution(const ConvolutionRequest &request) {
  std::vector<double> weights(static_cast<std::size_t>(9 * request.inputs));
  for (int64_t o = 0; o < request.outputs; ++o) {
    for (int64_t i = 0; i < request.inputs; ++i) weight_of(request, o, i, weights.data() + 9 * i);
    for (int64_t n = 0; n < request.images; ++n)
      for (int64_t y = 0; y < request.out_height; ++y)
        for (int64_t x = 0; x < request.out_width; ++x) {
          const int64_t at = ((n * request.out_height + y) * request.out_width + x) * request.outputs + o;
          double value = output_at(request, weights, n, y, x);
          if (request.bias) value += static_cast<double>(request.bias[o]);
          if (request.residual) value += static_cast<double>(request.residual[at]);
          request.output[at] = request.relu && value < 0 ? 0 : static_cast<float>(value);
        }
  }
}

}  // namespace oracle
}  // namespace scorecam
