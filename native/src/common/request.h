// The arguments of the C functions, checked: an operation that is given one of these need not look again.
#pragma once

#include <cstdint>

#include "scorecam.h"

namespace scorecam {

struct RangeRequest {
  scorecam_tensor activations;  // [K, h, w]
  int64_t height, width;        // H, W
  scorecam_masking masking;
  scorecam_range *ranges;  // [K]
};

struct MaskedBatchRequest {
  scorecam_source source;
  const int64_t *row_channels;  // [B]
  scorecam_masking masking;
  int64_t rows, channels, height, width;  // B, C, H, W
  int64_t map_height, map_width;          // h, w
  bool channels_last;
  char *out;
  int32_t out_dtype;
  int64_t sample_stride;  // in elements
};

// Each throws Failure. The ranges and elements that pointers lead to are not looked at: they may lie on
// a device.
RangeRequest check_channel_range(const scorecam_tensor *activations, int64_t height, int64_t width,
                                 const scorecam_masking *masking, scorecam_range *ranges);
MaskedBatchRequest check_masked_batch(const scorecam_source *source, const int64_t *row_channels,
                                      const scorecam_masking *masking, const scorecam_tensor *out);

inline int64_t element_size(int32_t dtype) { return dtype == SCORECAM_DTYPE_FLOAT32 ? 4 : 2; }

}  // namespace scorecam
