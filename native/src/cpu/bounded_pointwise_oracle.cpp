// A bounded convolution of 1 x 1 as it is defined, in double, one pixel at a time: SCORECAM_MAX_ISA=scalar.
#include <vector>

#include "cpu/bounded_pointwise.h"
#include "cpu/operations.h"
#include "cpu/pixel_oracle.h"

namespace scorecam {
namespace oracle {

void bounded_pointwise_batch(const BoundedPointwiseRequest &request) {
  const bounded_pointwise::Packed at(request.inputs, request.outputs);
  const float *const least = request.weight + at.least, *const most = request.weight + at.most;
  for (int64_t p = 0; p < request.pixels; ++p) {
    std::vector<float> values;
    for (int64_t t = 0; t < request.tensors; ++t)
      for (int64_t c = 0; c < request.channels[t]; ++c) {
        const float value = request.input[t][p * request.channels[t] + c];
        const auto channel = static_cast<int64_t>(values.size());
        values.push_back(value < least[channel] ? least[channel] : value > most[channel] ? most[channel] : value);
      }
    for (int64_t o = 0; o < request.outputs; ++o)
      request.output[p * request.outputs + o] = static_cast<float>(
          activation(request.activation,
                     pointwise(values.data(), request.inputs, request.weight, request.weight + at.bias, o)));
  }
}

}  // namespace oracle
}  // namespace scorecam
