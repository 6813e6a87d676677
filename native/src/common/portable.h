// Code that the CPU kernels, the CUDA kernels and the oracle share is marked SCORECAM_SHARED. It is static: the
// per-ISA translation units must not give the linker a copy that needs their instruction set.
#pragma once

#if defined(__CUDACC__)
#define SCORECAM_SHARED static __host__ __device__ __forceinline__
#else
#define SCORECAM_SHARED static inline __attribute__((unused))
#endif
