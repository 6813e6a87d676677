// What arguments of several C functions are checked for. Each check throws Failure.
#pragma once

#include <cstdint>
#include <string>

#include "common/failure.h"
#include "scorecam.h"

namespace scorecam {

std::string shape(const scorecam_tensor &tensor);  // in words

template <class T>
void check_not_null(const T *pointer, const char *name) {
  if (pointer == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s is null", name);
}

// Also refuses what 64-bit byte offsets cannot reach.
void check_tensor(const scorecam_tensor *tensor, const char *name, int32_t rank);
void check_activations(const scorecam_tensor *activations, const char *name);
void check_upsampling(int32_t upsampling);
void check_masking(const scorecam_masking *masking);
void check_image_size(int64_t height, int64_t width);
void check_row_channels(const int64_t *row_channels, int64_t rows, int64_t channels);

// A stride in a dimension of size 1 is never used and may be anything.
inline bool stride_is(const scorecam_tensor &tensor, int dimension, int64_t stride) {
  return tensor.sizes[dimension] == 1 || tensor.strides[dimension] == stride;
}

}  // namespace scorecam
