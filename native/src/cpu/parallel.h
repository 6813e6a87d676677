// Threads. OpenMP's runtime is the one that LibTorch uses, and so are its number of threads and its pool. Without OpenMP
// there is one.
#pragma once

#if defined(_OPENMP)
#include <omp.h>
#endif

#include <algorithm>
#include <cstdint>

namespace scorecam {

inline int most_threads() {
#if defined(_OPENMP)
  return omp_get_max_threads();
#else
  return 1;
#endif
}

// Ends the threads that the calling one has had help of. GCC's runtime keeps them for the next region, for which they
// spin: milliseconds in which whoever works beside has a core less.
inline void dismiss_threads() {
#if defined(_OPENMP) && defined(__GNUC__) && !defined(__clang__)
  omp_pause_resource_all(omp_pause_soft);
#endif
}

// A thread is worth waking for about this many bytes written.
constexpr int64_t kBytesPerThread = 64 * 1024;

inline int thread_count(int64_t items, int64_t bytes) {
  const int64_t useful = std::min(items, bytes / kBytesPerThread + 1);
  return static_cast<int>(std::max<int64_t>(1, std::min<int64_t>(useful, most_threads())));
}

// body(begin, end, thread) over consecutive shares of [0, items); it must not throw.
template <class Body>
void parallel(int threads, int64_t items, Body &&body) {
  if (threads <= 1) {
    body(int64_t{0}, items, 0);
    return;
  }
#if defined(_OPENMP)
#pragma omp parallel num_threads(threads)
  {
    // The runtime may grant fewer threads than asked for.
    const int64_t team = omp_get_num_threads(), self = omp_get_thread_num();
    const int64_t share = items / team, rest = items % team;
    const int64_t begin = self * share + std::min(self, rest);
    body(begin, begin + share + (self < rest ? 1 : 0), static_cast<int>(self));
  }
#endif
}

}  // namespace scorecam
