// What both benchmarks measure with.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "../src/common/portable.h"
#include "scorecam.h"

namespace timing {

inline double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline void check(scorecam_status status) {
  if (status == SCORECAM_STATUS_OK) return;
  std::fprintf(stderr, "%s: %s\n", scorecam_status_name(status), scorecam_last_message());
  std::exit(1);
}

using Floats = std::unique_ptr<float, decltype(&scorecam::free_aligned)>;

// On cache lines, as LibTorch allocates.
inline Floats allocate(int64_t floats) {
  void *data = scorecam::allocate_aligned(64, static_cast<std::size_t>(floats) * sizeof(float));
  if (data == nullptr) std::exit(1);
  return Floats(static_cast<float *>(data), &scorecam::free_aligned);
}

}  // namespace timing
