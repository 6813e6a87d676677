// AVX-512 with BF16, whose instruction rounds to bfloat16 twice as fast as integer arithmetic does, and takes
// subnormal numbers for zeros.
#define SCORECAM_ISA avx512bf16
#define SCORECAM_LANES 16
#include "cpu/pixel_kernels.inl"
#include "cpu/row_kernels.inl"
#include "cpu/stem_kernels.inl"
#include "cpu/winograd_kernels.inl"
