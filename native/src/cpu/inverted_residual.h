// Inverted residuals (Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018):
//
//     h = a(E x + e)      expanded: as many hidden channels per pixel as the block is wide within
//     g = a(D * h + d)    filtered, each channel by itself
//     y = P g + p (+ x)   projected
#pragma once

#include <cstdint>

#include "cpu/row_kernels.h"

namespace scorecam {
namespace inverted_residual {

// Weights of E and P lie in panels of outputs: [panel, input, kPanel], filled up with zeros.
constexpr int64_t kPanel = 32;

inline int64_t panels(int64_t outputs) { return (outputs + kPanel - 1) / kPanel; }

// Packed weights: E, e, D, d, P, p, of which the first and the last two may be missing. Rows of D are [tap, hidden
// channel], filled up with zeros to whole vectors.
struct Packed {
  // inputs are 0 without E, outputs without P.
  Packed(int64_t inputs, int64_t hidden, int64_t outputs, int64_t side)
      : expand_bias(panels(hidden) * kPanel * inputs),
        filter(expand_bias + (inputs == 0 ? 0 : panels(hidden) * kPanel)),
        filter_bias(filter + side * side * padded(hidden)),
        project(filter_bias + padded(hidden)),
        project_bias(project + panels(outputs) * kPanel * hidden),
        floats(project_bias + panels(outputs) * kPanel) {}

  // Offsets; E is at 0.
  int64_t expand_bias, filter, filter_bias, project, project_bias, floats;
};

}  // namespace inverted_residual
}  // namespace scorecam
