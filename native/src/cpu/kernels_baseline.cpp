// What every machine of the architecture has: SSE2 on x86-64.
#define SCORECAM_ISA baseline
#define SCORECAM_LANES 4
#include "cpu/pixel_kernels.inl"
#include "cpu/row_kernels.inl"
#include "cpu/stem_kernels.inl"
#include "cpu/winograd_kernels.inl"
