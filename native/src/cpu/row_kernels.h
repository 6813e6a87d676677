// The inner loops: kernels over one row of pixels, compiled once per instruction set.
//
// To add a kernel, add its line here and its body to row_kernels.inl; declaration, dispatch slot and initialiser
// follow from the line. To add an instruction set, add its line to isas.h and a file like kernels_avx2.cpp.
#pragma once

#include <cstdint>

#include "cpu/isas.h"

namespace scorecam {

// Scratch rows of floats are aligned to kRowPad floats and padded to a multiple of it, so that kernels over them
// have no tails.
constexpr int64_t kRowPad = 16;

inline int64_t padded(int64_t size) { return (size + kRowPad - 1) / kRowPad * kRowPad; }

// One row of an image and of its masked copy, neither padded. Pixel p of plane c is the `channels` elements from
// c * image_plane + p * channels on: contiguous images have planes of one channel, channels-last ones a single plane.
struct MaskedRow {
  int64_t planes, channels, pixels;
  const float *image;
  int64_t image_plane;
  void *out;
  int64_t out_plane;
};

// Every weighted sum over taps starts with the product of tap 0 and adds the others in order.
//
// expand_row   out[x] = sum over t of weights[t * size + x] * source[index[t * size + x]], x < size, a multiple of
//              kRowPad: upsampling along the row. Indices are 32 bits wide, as vector lookups are; they stay
//              within one row of a map.
// mix_row      out[x] = sum over t of weights[t] * rows[t][x], x < size: upsampling across rows.
// range_row    the same sum, folded into lo and hi, kRowPad running minima and maxima each. No NaNs.
// masked_*     the whole row of masked pixels. With mask[p] = (sum over t of weights[t] * rows[t][p] - min) * factor,
//              out of plane c, pixel p, channel k = image there * mask[p], rounded to the type. A division would take
//              longer than all the rest.
#define SCORECAM_ROW_KERNELS(KERNEL)                                                                              \
  KERNEL(expand_row, (const float *source, int64_t source_size, const int32_t *index, const float *weights,       \
                      int taps, int64_t size, float *out))                                                        \
  KERNEL(mix_row, (const float *const *rows, const float *weights, int taps, int64_t size, float *out))           \
  KERNEL(range_row, (const float *const *rows, const float *weights, int taps, int64_t size, float *lo,           \
                     float *hi))                                                                                  \
  KERNEL(masked_float32, (const float *const *rows, const float *weights, int taps, float min, float factor,      \
                          const MaskedRow &row))                                                                  \
  KERNEL(masked_bfloat16, (const float *const *rows, const float *weights, int taps, float min, float factor,     \
                           const MaskedRow &row))                                                                 \
  KERNEL(masked_float16, (const float *const *rows, const float *weights, int taps, float min, float factor,      \
                          const MaskedRow &row))

struct RowKernels {
#define SLOT(name, parameters) void(*name) parameters;
  SCORECAM_ROW_KERNELS(SLOT)
#undef SLOT
};

#define DECLARE(name, parameters) void name parameters;
#define DECLARE_ISA(isa)               \
  namespace isa {                      \
  SCORECAM_ROW_KERNELS(DECLARE)        \
  extern const RowKernels row_kernels; \
  }
SCORECAM_ISAS(DECLARE_ISA)
#undef DECLARE_ISA
#undef DECLARE

}  // namespace scorecam
