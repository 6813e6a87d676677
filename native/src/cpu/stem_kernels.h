// The inner loop of a masked image's first convolution, compiled once per instruction set. Adding one is as in
// row_kernels.h.
#pragma once

#include <cstdint>

#include "cpu/isas.h"

namespace scorecam {

// Chunk rows that one call computes at most.
constexpr int kStemRows = 4;

// Pixels next to each other whose windows touch the same cells of the map.
struct StemRun {
  int64_t pixels, channels;
  int64_t cells;
  const float *const *responses;  // [cells], each [pixels, channels]
  const float *values;            // [cells, kStemRows]: the cells of each row's mask
  const float *bias;              // [channels]
  float lowest, highest;
  int64_t rows;       // at most kStemRows
  float *const *out;  // [rows], each [pixels, channels]
};

// stem_run    out[row][p, c] = sum over i of values[i, row] * responses[i][p, c] + bias[c], within lowest and highest.
#define SCORECAM_STEM_KERNELS(KERNEL) KERNEL(stem_run, (const StemRun &run))

struct StemKernels {
#define SLOT(name, parameters) void(*name) parameters;
  SCORECAM_STEM_KERNELS(SLOT)
#undef SLOT
};

#define DECLARE(name, parameters) void name parameters;
#define DECLARE_ISA(isa)                   \
  namespace isa {                          \
  SCORECAM_STEM_KERNELS(DECLARE)           \
  extern const StemKernels stem_kernels;   \
  }
SCORECAM_ISAS(DECLARE_ISA)
#undef DECLARE_ISA
#undef DECLARE

}  // namespace scorecam
