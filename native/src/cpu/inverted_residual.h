// Inverted residuals (Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018):
//
//     h = a(E x + e)      expanded: as many hidden channels per pixel as the block is wide within
//     g = a(D * h + d)    filtered, each channel by itself
//     y = P g + p (+ x)   projected
//
// or, with squeeze and excitation, g with its channels scaled by gate(S' b(S mean(g) + s) + s').
#pragma once

#include <cstdint>

#include "cpu/pointwise_weight.h"
#include "cpu/row_kernels.h"

namespace scorecam {
namespace inverted_residual {

// Packed weights: E, e, D, d, S, s, S', s', P, p, of which only D and d are always there. All but D lie in panels. Rows
// of D are [tap, hidden channel], filled up with zeros to whole vectors.
struct Packed {
  // inputs are 0 without E, squeezed channels without S, outputs without P.
  Packed(int64_t inputs, int64_t hidden, int64_t squeezed, int64_t outputs, int64_t side)
      : expand_bias(pointwise_weight::floats(inputs, hidden)),
        filter(expand_bias + (inputs == 0 ? 0 : pointwise_weight::bias_floats(hidden))),
        filter_bias(filter + side * side * padded(hidden)),
        squeeze(filter_bias + padded(hidden)),
        squeeze_bias(squeeze + pointwise_weight::floats(hidden, squeezed)),
        excite(squeeze_bias + pointwise_weight::bias_floats(squeezed)),
        excite_bias(excite + pointwise_weight::floats(squeezed, hidden)),
        project(excite_bias + (squeezed == 0 ? 0 : pointwise_weight::bias_floats(hidden))),
        project_bias(project + pointwise_weight::floats(hidden, outputs)),
        floats(project_bias + pointwise_weight::bias_floats(outputs)) {}

  // Offsets; E is at 0.
  int64_t expand_bias, filter, filter_bias, squeeze, squeeze_bias, excite, excite_bias, project, project_bias, floats;
};

}  // namespace inverted_residual
}  // namespace scorecam
