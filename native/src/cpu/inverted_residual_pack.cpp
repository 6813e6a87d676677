// Weights of an inverted residual as its kernels read them.
#include <algorithm>

#include "cpu/elements.h"
#include "cpu/inverted_residual.h"
#include "cpu/operations.h"

namespace scorecam {
namespace {

// [C, 1, side, side] to [side, side, padded C]; then the bias, [padded C].
void pack_filter(const scorecam_tensor &weight, const float *bias, float *to, float *bias_to) {
  const int64_t channels = weight.sizes[0], side = weight.sizes[2];
  std::fill_n(to, side * side * padded(channels), 0.0f);
  std::fill_n(bias_to, padded(channels), 0.0f);
  const Elements from = elements(weight);
  for (int64_t r = 0; r < side; ++r)
    for (int64_t s = 0; s < side; ++s)
      from.read(r * weight.strides[2] + s * weight.strides[3], weight.strides[0], channels,
                to + (r * side + s) * padded(channels), 1);
  if (bias != nullptr) std::copy_n(bias, channels, bias_to);
}

}  // namespace

void inverted_residual_pack(const InvertedResidualPackRequest &request) {
  const scorecam_inverted_residual_weights &weights = request.weights;
  const inverted_residual::Packed at(request.inputs, request.hidden, request.squeezed, request.outputs, request.side);
  const auto pack_pointwise = [&](const scorecam_tensor *weight, const float *bias, int64_t to, int64_t bias_to) {
    if (weight != nullptr) pointwise_weight::pack(*weight, bias, request.packed + to, request.packed + bias_to);
  };
  pack_pointwise(weights.expand, weights.expand_bias, 0, at.expand_bias);
  pack_filter(*weights.filter, weights.filter_bias, request.packed + at.filter, request.packed + at.filter_bias);
  pack_pointwise(weights.squeeze, weights.squeeze_bias, at.squeeze, at.squeeze_bias);
  pack_pointwise(weights.excite, weights.excite_bias, at.excite, at.excite_bias);
  pack_pointwise(weights.project, weights.project_bias, at.project, at.project_bias);
}

}  // namespace scorecam
