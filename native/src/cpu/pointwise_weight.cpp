#include "cpu/pointwise_weight.h"

#include <algorithm>

#include "cpu/elements.h"

namespace scorecam {
namespace pointwise_weight {

void pack(const scorecam_tensor &weight, const float *bias, float *to, float *bias_to) {
  const int64_t outputs = weight.sizes[0], inputs = weight.sizes[1];
  std::fill_n(to, floats(inputs, outputs), 0.0f);
  std::fill_n(bias_to, bias_floats(outputs), 0.0f);
  const Elements from = elements(weight);
  for (int64_t o = 0; o < outputs; ++o)
    from.read(o * weight.strides[0], weight.strides[1], inputs, to + column(o, inputs), kPanel);
  if (bias != nullptr) std::copy_n(bias, outputs, bias_to);
}

}  // namespace pointwise_weight
}  // namespace scorecam
