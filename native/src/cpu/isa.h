// Which instruction set the operations run on.
#pragma once

#include "cpu/pixel_kernels.h"
#include "cpu/row_kernels.h"
#include "cpu/stem_kernels.h"
#include "cpu/winograd_kernels.h"

namespace scorecam {

struct Isa {
  const char *name;
  bool (*available)();
  // Null for the scalar oracle.
  const RowKernels *row_kernels;
  const StemKernels *stem_kernels;
  const WinogradKernels *winograd_kernels;
  const PixelKernels *pixel_kernels;
};

// The best that the machine has and the cap allows; throws Failure if SCORECAM_MAX_ISA is unknown.
const Isa &active_isa();

// Null lifts the cap; throws Failure if the name is unknown.
void set_max_isa(const char *name);

}  // namespace scorecam
