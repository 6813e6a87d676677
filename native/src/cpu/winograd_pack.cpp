// Weights of a Winograd convolution: G g G' of every pair of channels.
#include "cpu/elements.h"
#include "cpu/operations.h"
#include "cpu/parallel.h"
#include "cpu/winograd.h"

namespace scorecam {
namespace {

using namespace winograd;

// G g: row p is the polynomial with coefficients g at point p, divided by the product of p - q over the other finite
// points q; the last row is the highest coefficient.
void transform_weight(const double g[3], double out[kSide]) {
  constexpr double a = kPointA, b = kPointB, a2 = a * a, b2 = b * b;
  constexpr double divisor_a = 2 * a2 * (a2 - b2), divisor_b = 2 * b2 * (b2 - a2);
  out[0] = g[0] / (a2 * b2);
  out[1] = (g[0] + a * g[1] + a2 * g[2]) / divisor_a;
  out[2] = (g[0] - a * g[1] + a2 * g[2]) / divisor_a;
  out[3] = (g[0] + b * g[1] + b2 * g[2]) / divisor_b;
  out[4] = (g[0] - b * g[1] + b2 * g[2]) / divisor_b;
  out[5] = g[2];
}

void pack_pair(const scorecam_tensor &weight, int64_t o, int64_t i, float *to, int64_t frequency_stride) {
  const Elements from = elements(weight);
  const int64_t offset = o * weight.strides[0] + i * weight.strides[1];
  double half[kSide][3], transformed[kSide];
  for (int64_t column = 0; column < 3; ++column) {
    double g[3];
    for (int64_t row = 0; row < 3; ++row)
      g[row] = static_cast<double>(from[offset + row * weight.strides[2] + column * weight.strides[3]]);
    transform_weight(g, transformed);
    for (int64_t row = 0; row < kSide; ++row) half[row][column] = transformed[row];
  }
  for (int64_t row = 0; row < kSide; ++row) {
    transform_weight(half[row], transformed);
    for (int64_t column = 0; column < kSide; ++column)
      to[(row * kSide + column) * frequency_stride] = static_cast<float>(transformed[column]);
  }
}

}  // namespace

void winograd_pack(const WinogradPackRequest &request) {
  const int64_t outputs = request.weight.sizes[0], inputs = request.weight.sizes[1];
  const int64_t stride = matrix_floats(inputs);
  const int threads = thread_count(panels(outputs), panels(outputs) * panel_floats(inputs) * 4);
  parallel(threads, panels(outputs), [&](int64_t begin, int64_t end, int) {
    for (int64_t panel = begin; panel < end; ++panel)
      for (int64_t i = 0; i < padded(inputs); ++i)
        for (int64_t lane = 0; lane < kPanel; ++lane) {
          const int64_t o = panel * kPanel + lane;
          float *to = request.packed + panel * panel_floats(inputs) + i * kPanel + lane;
          if (i < inputs && o < outputs)
            pack_pair(request.weight, o, i, to, stride);
          else
            for (int64_t f = 0; f < kFrequencies; ++f) to[f * stride] = 0;
        }
  });
}

}  // namespace scorecam
