// NEON, which every AArch64 machine has.
#define SCORECAM_ISA neon
#define SCORECAM_LANES 4
#include "cpu/pixel_kernels.inl"
#include "cpu/row_kernels.inl"
#include "cpu/stem_kernels.inl"
#include "cpu/winograd_kernels.inl"
