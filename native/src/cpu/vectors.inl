// Vectors of SCORECAM_LANES floats (GCC's and Clang's vector extensions), for the files that are compiled once per
// instruction set. Such a file defines
//   SCORECAM_ISA     the name of the instruction set, a namespace
//   SCORECAM_LANES   floats per vector register
// and includes the bodies of the kernels. Apart from the kernels themselves everything has internal linkage: the
// linker must not take an inline function compiled for AVX-512 as the program's one copy.
#pragma once

#include <cstdint>

#include "cpu/isas.h"

namespace scorecam {
namespace SCORECAM_ISA {
namespace {

constexpr int kLanes = SCORECAM_LANES;

typedef float Floats __attribute__((vector_size(kLanes * 4)));
// The same where memory is not aligned.
typedef float LooseFloats __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

inline Floats load(const float *from) { return *reinterpret_cast<const LooseFloats *>(from); }

}  // namespace
}  // namespace SCORECAM_ISA
}  // namespace scorecam
