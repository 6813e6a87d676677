// The inner loops of a Winograd convolution, compiled once per instruction set. Adding one is as in row_kernels.h.
#pragma once

#include <cstdint>

#include "cpu/isas.h"

namespace scorecam {

// Floats that will be needed soon.
struct Ahead {
  const float *begin, *end;
};

// winograd_input     out[f * frequency_stride + b * block_stride + lane] = (B' d B)[f] of channel b * kBlock + lane,
//                    where d are the channels at 36 pixels; channels up to a whole block are zeros.
// winograd_product   products[t * kTileProducts + o] = sum over b, lane of
//                    values[b * block_stride + t * kBlock + lane] * matrix[(b * kBlock + lane) * kPanel + o]
//                    for t < tiles, at most `strip`, and o < kPanel: one frequency of one panel. On the way it fetches
//                    both of `ahead`, if there are any, into the second level of the cache.
// winograd_output    (A' m A)[y, x] + bias + residual, not below 0 if relu, of the products m of a tile, for `channels`
//                    of a panel, to output + offsets[4 * y + x], unless that is negative. The residual, if there is
//                    one, is read where the output is written, relative to `residual`.
#define SCORECAM_WINOGRAD_KERNELS(KERNEL)                                                                             \
  KERNEL(winograd_input, (const float *const *pixels, int64_t channels, int64_t block_stride,                         \
                          int64_t frequency_stride, float *out))                                                      \
  KERNEL(winograd_product, (const float *values, int64_t block_stride, int64_t blocks, const float *matrix,           \
                            int64_t tiles, const Ahead (*ahead)[2], float *products))                                 \
  KERNEL(winograd_output, (const float *products, const float *bias, const float *residual, bool relu,                \
                           const int64_t *offsets, int64_t channels, float *output))

struct WinogradKernels {
  int64_t strip;  // as many tiles as there are registers for
#define SLOT(name, parameters) void(*name) parameters;
  SCORECAM_WINOGRAD_KERNELS(SLOT)
#undef SLOT
};

#define DECLARE(name, parameters) void name parameters;
#define DECLARE_ISA(isa)                            \
  namespace isa {                                   \
  SCORECAM_WINOGRAD_KERNELS(DECLARE)                \
  extern const WinogradKernels winograd_kernels;    \
  }
SCORECAM_ISAS(DECLARE_ISA)
#undef DECLARE_ISA
#undef DECLARE

}  // namespace scorecam
