// What the benchmarks measure with.
#pragma once

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

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

inline Floats normal(int64_t floats, std::mt19937 &random) {
  Floats data = allocate(floats);
  std::normal_distribution<float> distribution;
  for (int64_t i = 0; i < floats; ++i) data.get()[i] = distribution(random);
  return data;
}

// Seconds of each repetition, ascending; two more come before, which do not count.
template <class Work>
std::vector<double> times(int repetitions, const Work &work) {
  std::vector<double> taken;
  for (int repetition = -2; repetition < repetitions; ++repetition) {
    const double start = seconds();
    work();
    if (repetition >= 0) taken.push_back(seconds() - start);
  }
  std::sort(taken.begin(), taken.end());
  return taken;
}

// The argument's number, if it is given; ends the program unless that is positive.
inline int repetitions(int argc, char **argv, int argument, int usual) {
  const int given = argc > argument ? std::atoi(argv[argument]) : usual;
  if (given < 1) {
    std::fprintf(stderr, "repetitions must be positive\n");
    std::exit(2);
  }
  return given;
}

// Says what is measured, and in how many threads; ends the program if the library cannot run.
inline void introduce() {
  const char *isa = scorecam_active_isa();
  if (isa == nullptr) {
    std::fprintf(stderr, "%s\n", scorecam_last_message());
    std::exit(1);
  }
  std::printf("scorecam %s, %s, %d threads\n", scorecam_version(), isa, omp_get_max_threads());
}

}  // namespace timing
