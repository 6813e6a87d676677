// Inverted residuals (Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018):
//
//     h = a(E x + e)      expanded: as many hidden channels per pixel as the block is wide within
//     g = a(D * h + d)    filtered, each channel by itself
//     y = P g + p (+ x)   projected
#pragma once

#include <cstdint>

#include "cpu/pointwise_weight.h"
#include "cpu/row_kernels.h"

namespace scorecam {
namespace inverted_residual {

// Packed weights: E, e, D, d, P, p, of which the first and the last two may be missing. E and P lie in panels. Rows of D
// are [tap, hidden channel], filled up with zeros to whole vectors.
struct Packed {
  // inputs are 0 without E, outputs without P.
  Packed(int64_t inputs, int64_t hidden, int64_t outputs, int64_t side)
      : expand_bias(pointwise_weight::floats(inputs, hidden)),
        filter(expand_bias + (inputs == 0 ? 0 : pointwise_weight::bias_floats(hidden))),
        filter_bias(filter + side * side * padded(hidden)),
        project(filter_bias + padded(hidden)),
        project_bias(project + pointwise_weight::floats(hidden, outputs)),
        floats(project_bias + pointwise_weight::bias_floats(outputs)) {}

  // Offsets; E is at 0.
  int64_t expand_bias, filter, filter_bias, project, project_bias, floats;
};

}  // namespace inverted_residual
}  // namespace scorecam
