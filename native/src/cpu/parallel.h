// Threads. OpenMP's runtime is the one that LibTorch uses, and so are its number of threads and its pool.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace scorecam {

// A thread is worth waking for about this many bytes written.
constexpr int64_t kBytesPerThread = 64 * 1024;

inline int thread_count(int64_t items, int64_t bytes) {
  const int64_t useful = std::min(items, bytes / kBytesPerThread + 1);
  return static_cast<int>(std::max<int64_t>(1, std::min<int64_t>(useful, omp_get_max_threads())));
}

// body(begin, end, thread) over consecutive shares of [0, items); it must not throw.
template <class Body>
void parallel(int threads, int64_t items, Body &&body) {
  if (threads <= 1) {
    body(int64_t{0}, items, 0);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    // The runtime may grant fewer threads than asked for.
    const int64_t team = omp_get_num_threads(), self = omp_get_thread_num();
    const int64_t share = items / team, rest = items % team;
    const int64_t begin = self * share + std::min(self, rest);
    body(begin, begin + share + (self < rest ? 1 : 0), static_cast<int>(self));
  }
}

}  // namespace scorecam
