// AVX2 with FMA and F16C; cmake/Isa.cmake gives this file its compiler flags.
#define SCORECAM_ISA avx2
#define SCORECAM_LANES 8
#include "cpu/pixel_kernels.inl"
#include "cpu/row_kernels.inl"
#include "cpu/stem_kernels.inl"
#include "cpu/winograd_kernels.inl"
