// Weights and bounds as the kernels read them.
#include <algorithm>

#include "cpu/bounded_pointwise.h"
#include "cpu/operations.h"

namespace scorecam {

void bounded_pointwise_pack(const BoundedPointwisePackRequest &request) {
  const int64_t outputs = request.weight.sizes[0], inputs = request.weight.sizes[1];
  const bounded_pointwise::Packed at(inputs, outputs);
  pointwise_weight::pack(request.weight, request.bias, request.packed, request.packed + at.bias);
  std::copy_n(request.least, inputs, request.packed + at.least);
  std::copy_n(request.most, inputs, request.packed + at.most);
}

}  // namespace scorecam
