// Weights of a Winograd convolution: G g G' of every pair of channels.
#include <algorithm>

#include "cpu/elements.h"
#include "cpu/operations.h"
#include "cpu/parallel.h"
#include "cpu/winograd.h"

namespace scorecam {
namespace {

using namespace winograd;

// The same number for each output channel of a panel.
using Lanes = double[kPanel];

// G g: row p is the polynomial with coefficients g at point p, divided by the product of p - q over the other finite
// points q; the last row is the highest coefficient.
void transform_weight(const Lanes g[3], Lanes out[kSide]) {
  constexpr double a = kPointA, b = kPointB, a2 = a * a, b2 = b * b;
  constexpr double divisor_a = 2 * a2 * (a2 - b2), divisor_b = 2 * b2 * (b2 - a2);
  for (int64_t lane = 0; lane < kPanel; ++lane) {
    const double g0 = g[0][lane], g1 = g[1][lane], g2 = g[2][lane];
    out[0][lane] = g0 / (a2 * b2);
    out[1][lane] = (g0 + a * g1 + a2 * g2) / divisor_a;
    out[2][lane] = (g0 - a * g1 + a2 * g2) / divisor_a;
    out[3][lane] = (g0 + b * g1 + b2 * g2) / divisor_b;
    out[4][lane] = (g0 - b * g1 + b2 * g2) / divisor_b;
    out[5][lane] = g2;
  }
}

// The weights of one input channel and the panel's output channels; zeros for those that there are not.
void read_weights(const scorecam_tensor &weight, int64_t panel, int64_t i, Lanes to[3][3]) {
  const Elements from = elements(weight);
  const int64_t first = panel * kPanel, outputs = std::min(kPanel, weight.sizes[0] - first);
  const int64_t offset = first * weight.strides[0] + i * weight.strides[1];
  for (int64_t column = 0; column < 3; ++column)
    for (int64_t row = 0; row < 3; ++row) {
      float read[kPanel] = {};
      from.read(offset + row * weight.strides[2] + column * weight.strides[3], weight.strides[0], outputs, read, 1);
      std::copy(read, read + kPanel, to[column][row]);
    }
}

// G g G' to [frequency, kPanel], whose frequencies are `frequency_stride` apart.
void pack_input(const Lanes g[3][3], float *to, int64_t frequency_stride) {
  Lanes half[kSide][3], transformed[kSide];
  for (int64_t column = 0; column < 3; ++column) {
    transform_weight(g[column], transformed);
    for (int64_t row = 0; row < kSide; ++row)
      std::copy(transformed[row], transformed[row] + kPanel, half[row][column]);
  }
  for (int64_t row = 0; row < kSide; ++row) {
    transform_weight(half[row], transformed);
    for (int64_t column = 0; column < kSide; ++column) {
      float *out = to + (row * kSide + column) * frequency_stride;
      for (int64_t lane = 0; lane < kPanel; ++lane) out[lane] = static_cast<float>(transformed[column][lane]);
    }
  }
}

}  // namespace

void winograd_pack(const WinogradPackRequest &request) {
  const int64_t outputs = request.weight.sizes[0], inputs = request.weight.sizes[1];
  const int64_t stride = matrix_floats(inputs);
  const int threads = thread_count(panels(outputs), panels(outputs) * panel_floats(inputs) * 4);
  parallel(threads, panels(outputs), [&](int64_t begin, int64_t end, int) {
    Lanes g[3][3];
    for (int64_t panel = begin; panel < end; ++panel)
      for (int64_t i = 0; i < padded(inputs); ++i) {
        float *to = request.packed + panel * panel_floats(inputs) + i * kPanel;
        if (i < inputs) {
          read_weights(request.weight, panel, i, g);
          pack_input(g, to, stride);
        } else {
          for (int64_t f = 0; f < kFrequencies; ++f) std::fill_n(to + f * stride, kPanel, 0.0f);
        }
      }
  });
}

}  // namespace scorecam
