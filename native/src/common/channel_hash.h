// A hash of a plane of floats that is a sum over its elements, so that any number of threads may share the work
// in any order. Each term mixes a value with its position (the finaliser of SplitMix64).
#pragma once

#include <cstdint>

#include "common/half.h"

namespace scorecam {

SCORECAM_SHARED uint64_t hash_term(int64_t position, float value) {
  uint32_t bits = bits_of(value);
  if (value == 0.0f) bits = 0;
  if (value != value) bits = 0x7fc00000u;
  uint64_t z = (static_cast<uint64_t>(position) + 1) * 0x9e3779b97f4a7c15u + bits;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace scorecam
