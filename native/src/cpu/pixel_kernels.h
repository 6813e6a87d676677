// The inner loops over pixels of channels-last images, compiled once per instruction set. Adding one is as in
// row_kernels.h.
#pragma once

#include <cstdint>

#include "cpu/isas.h"

namespace scorecam {

// Channels that are kept within bounds of their own.
struct BoundedRun {
  int64_t pixels, channels;
  const float *values;  // [pixels, channels]
  int64_t value_stride;
  const float *least, *most;  // [channels]
  float *out;                 // [pixels, channels]
  int64_t out_stride;
};

// A convolution of 1 x 1 over pixels next to each other.
struct PointwiseRun {
  int64_t pixels, inputs, outputs;
  const float *values;  // [pixels, inputs]
  int64_t value_stride;
  const float *weights;   // [panel, inputs, kPanel]
  const float *bias;      // [panel, kPanel]
  const float *residual;  // as out, or null
  int32_t activation;     // of SCORECAM_ACTIVATION_*
  float *out;             // [pixels, outputs]
  int64_t out_stride;
  int64_t row, gap;  // after each row of so many pixels, so many floats of `out` are left as they are
};

// A filter over one row of pixels, each channel by itself.
struct DepthwiseRun {
  int64_t pixels, channels;
  int64_t side, stride;
  const float *const *rows;  // [side]: pixels under the filter at the first output, at multiples of pixel_stride
  int64_t pixel_stride;      // in whole vectors, which also channels beyond the last fill up
  const float *filter;       // [side, side, pixel_stride]
  const float *bias;         // [pixel_stride]
  int32_t activation;
  float *out;  // [pixels, channels]
  int64_t out_stride;
};

// The part of a window that lies over the image.
struct PoolRun {
  int64_t rows, columns, channels;
  const float *values;  // at the first row and column, [channels]
  int64_t row_stride;   // floats from a row to the next one; pixels are dense
  float *largest;       // [channels]
};

// Values of each channel, over pixels.
struct SumRun {
  int64_t pixels, channels;
  const float *values;  // [pixels, channels]
  int64_t value_stride;
  float *sums;  // [channels]
};

// Channels that are scaled, each by a factor of its own.
struct ScaleRun {
  int64_t pixels, channels;
  float *values;  // [pixels, channels]
  int64_t value_stride;
  const float *factors;  // [channels]
};

// bounded      out[p, c] = min(max(values[p, c], least[c]), most[c]).
// pointwise    out[p, o] = activation(sum over i of weights[o, i] * values[p, i] + bias[o]) + residual[p, o].
// depthwise    out[p, c] = activation(sum over r, s of filter[r, s, c] * rows[r][p * stride + s, c] + bias[c]).
// pooled       largest[c] = max over r, s of values[r, s, c], which is NaN where one of them is.
// summed       sums[c] += sum over p of values[p, c].
// scaled       values[p, c] *= factors[c].
#define SCORECAM_PIXEL_KERNELS(KERNEL)         \
  KERNEL(bounded, (const BoundedRun &run))     \
  KERNEL(summed, (const SumRun &run))          \
  KERNEL(scaled, (const ScaleRun &run))        \
  KERNEL(pooled, (const PoolRun &run))         \
  KERNEL(pointwise, (const PointwiseRun &run)) \
  KERNEL(depthwise, (const DepthwiseRun &run))

struct PixelKernels {
#define SLOT(name, parameters) void(*name) parameters;
  SCORECAM_PIXEL_KERNELS(SLOT)
#undef SLOT
};

#define DECLARE(name, parameters) void name parameters;
#define DECLARE_ISA(isa)                   \
  namespace isa {                          \
  SCORECAM_PIXEL_KERNELS(DECLARE)          \
  extern const PixelKernels pixel_kernels; \
  }
SCORECAM_ISAS(DECLARE_ISA)
#undef DECLARE_ISA
#undef DECLARE

}  // namespace scorecam
