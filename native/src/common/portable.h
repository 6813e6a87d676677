// What compilers and systems do in different ways.
#pragma once

#include <cstddef>
#include <cstdlib>
#if defined(_WIN32)
#include <malloc.h>
#endif

// Code that the CPU kernels, the CUDA kernels and the oracle share is marked SCORECAM_SHARED. It is static: the
// per-ISA translation units must not give the linker a copy that needs their instruction set.
#if defined(__CUDACC__)
#define SCORECAM_SHARED static __host__ __device__ __forceinline__
#else
#define SCORECAM_SHARED static inline __attribute__((unused))
#endif

// Of a function whose arguments are checked against its format, counted from 1. MinGW has two printfs.
#if defined(__MINGW_PRINTF_FORMAT)
#define SCORECAM_PRINTF(format_at, first_at) __attribute__((format(__MINGW_PRINTF_FORMAT, format_at, first_at)))
#else
#define SCORECAM_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#endif

namespace scorecam {

// Memory that begins at a multiple of `alignment`, a power of two, for free_aligned() alone; null if there is none.
inline void *allocate_aligned(std::size_t alignment, std::size_t bytes) {
#if defined(_WIN32)
  return ::_aligned_malloc(bytes ? bytes : 1, alignment);
#else
  void *block = nullptr;
  return ::posix_memalign(&block, alignment, bytes ? bytes : 1) == 0 ? block : nullptr;
#endif
}

inline void free_aligned(void *block) {
#if defined(_WIN32)
  ::_aligned_free(block);
#else
  std::free(block);
#endif
}

}  // namespace scorecam
