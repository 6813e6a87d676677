// What the definitions over pixels share, in double.
#pragma once

#include <cmath>
#include <cstdint>

#include "cpu/pointwise_weight.h"

namespace scorecam {
namespace oracle {

inline double activation(int32_t kind, double y) {
  switch (kind) {
    case SCORECAM_ACTIVATION_RELU:
      return y < 0 ? 0 : y;
    case SCORECAM_ACTIVATION_RELU6:
      return y < 0 ? 0 : y > 6 ? 6 : y;
    case SCORECAM_ACTIVATION_SILU:
      return y / (1 + std::exp(-y));
    case SCORECAM_ACTIVATION_HARDSWISH:
      return y * activation(SCORECAM_ACTIVATION_HARDSIGMOID, y);
    case SCORECAM_ACTIVATION_SIGMOID:
      return 1 / (1 + std::exp(-y));
    case SCORECAM_ACTIVATION_HARDSIGMOID:
      return y < -3 ? 0 : y > 3 ? 1 : (y + 3) / 6;
    default:
      return y;
  }
}

// Output o of a convolution of 1 x 1, with weights and a bias in panels.
template <class Value>
double pointwise(const Value *values, int64_t inputs, const float *weights, const float *bias, int64_t o) {
  double sum = static_cast<double>(bias[o]);
  for (int64_t i = 0; i < inputs; ++i)
    sum += static_cast<double>(weights[pointwise_weight::column(o, inputs) + i * pointwise_weight::kPanel]) *
           static_cast<double>(values[i]);
  return sum;
}

}  // namespace oracle
}  // namespace scorecam
