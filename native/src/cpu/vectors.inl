// Vectors of SCORECAM_LANES floats (GCC's and Clang's vector extensions), for the files that are compiled once per
// instruction set. Such a file defines
//   SCORECAM_ISA     the name of the instruction set, a namespace
//   SCORECAM_LANES   floats per vector register
// and includes the bodies of the kernels. Apart from the kernels themselves everything has internal linkage: the
// linker must not take an inline function compiled for AVX-512 as the program's one copy.
#pragma once

#include <cstdint>
#include <cstring>

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

}  // namespace
}  // namespace SCORECAM_ISA
}  // namespace scorecam
