// A convolution of 1 x 1 over channels that are kept within bounds:
//
//     y = a(W min(max(x, least), most) + b)
#pragma once

#include <cstdint>

#include "cpu/pointwise_weight.h"

namespace scorecam {
namespace bounded_pointwise {

// Packed weights: W and b in panels, then both bounds.
struct Packed {
  Packed(int64_t inputs, int64_t outputs)
      : bias(pointwise_weight::floats(inputs, outputs)),
        least(bias + pointwise_weight::bias_floats(outputs)),
        most(least + inputs),
        floats(most + inputs) {}

  // Offsets; W is at 0.
  int64_t bias, least, most, floats;
};

}  // namespace bounded_pointwise
}  // namespace scorecam
