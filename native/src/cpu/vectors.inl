// Vectors of SCORECAM_LANES floats (GCC's and Clang's vector extensions), for the files that are compiled once per
// instruction set. Such a file defines
//   SCORECAM_ISA     the name of the instruction set, a namespace
//   SCORECAM_LANES   floats per vector register
// and includes the bodies of the kernels. Apart from the kernels themselves everything has internal linkage: the
// linker must not take an inline function compiled for AVX-512 as the program's one copy.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "cpu/isas.h"

// Loops over registers, which must be unrolled to be that.
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 64")
#endif

namespace scorecam {
namespace SCORECAM_ISA {
namespace {

constexpr int kLanes = SCORECAM_LANES;

typedef float Floats __attribute__((vector_size(kLanes * 4)));
typedef uint32_t Words __attribute__((vector_size(kLanes * 4)));
// The same where memory is not aligned.
typedef float LooseFloats __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

inline Floats load(const float *from) { return *reinterpret_cast<const LooseFloats *>(from); }

inline void store(float *to, Floats value) { *reinterpret_cast<LooseFloats *>(to) = value; }

// The first of `count` floats, then zeros.
inline Floats load_some(const float *from, int64_t count) {
  Floats value = {};
  if (count >= kLanes)
    value = load(from);
  else if (count > 0)
    memcpy(&value, from, static_cast<std::size_t>(count) * sizeof(float));
  return value;
}

inline void store_some(float *to, Floats value, int64_t count) {
  if (count >= kLanes)
    store(to, value);
  else if (count > 0)
    memcpy(to, &value, static_cast<std::size_t>(count) * sizeof(float));
}

// The larger and the smaller of each pair; y where one of them is a NaN. Compilers do not make one instruction of that.
// With AVX-512 of all lanes by a mask, since GCC 12 takes its own header's plain form for one of uninitialised values.
inline Floats larger(Floats x, Floats y) {
#if defined(__AVX512F__)
  return _mm512_maskz_max_ps(0xffff, x, y);
#elif defined(__AVX__)
  return _mm256_max_ps(x, y);
#elif defined(__x86_64__)
  return _mm_max_ps(x, y);
#else
  return x > y ? x : y;
#endif
}

inline Floats smaller(Floats x, Floats y) {
#if defined(__AVX512F__)
  return _mm512_maskz_min_ps(0xffff, x, y);
#elif defined(__AVX__)
  return _mm256_min_ps(x, y);
#elif defined(__x86_64__)
  return _mm_min_ps(x, y);
#else
  return x < y ? x : y;
#endif
}

}  // namespace
}  // namespace SCORECAM_ISA
}  // namespace scorecam
