// How weights of convolutions of 1 x 1 lie: in panels of outputs, [panel, input, kPanel], filled up with zeros.
#pragma once

#include <cstdint>

#include "scorecam.h"

namespace scorecam {
namespace pointwise_weight {

constexpr int64_t kPanel = 32;

inline int64_t count(int64_t outputs) { return (outputs + kPanel - 1) / kPanel; }

inline int64_t floats(int64_t inputs, int64_t outputs) { return count(outputs) * kPanel * inputs; }

// [panel, kPanel].
inline int64_t bias_floats(int64_t outputs) { return count(outputs) * kPanel; }

// Where the weight of an output for the first input is; those for the next ones follow at distances of kPanel.
inline int64_t column(int64_t output, int64_t inputs) { return output / kPanel * kPanel * inputs + output % kPanel; }

// Of a weight [O, I, 1, 1] and a bias [O], which may be null.
void pack(const scorecam_tensor &weight, const float *bias, float *to, float *bias_to);

}  // namespace pointwise_weight
}  // namespace scorecam
