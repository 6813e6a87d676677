// AVX-512 F, BW, DQ and VL; cmake/Isa.cmake gives this file its compiler flags.
#define SCORECAM_ISA avx512
#define SCORECAM_LANES 16
#include "cpu/pixel_kernels.inl"
#include "cpu/row_kernels.inl"
#include "cpu/stem_kernels.inl"
#include "cpu/winograd_kernels.inl"
