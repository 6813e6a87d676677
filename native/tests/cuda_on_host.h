// Enough of CUDA's language to compile the kernels for the host: each block is run by a few threads that meet at
// barriers, one block after the other. It shows that indices and barriers are right, on any machine; not speed, and
// nothing that only a device does.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#define __device__
#define __host__
#define __global__
#define __grid_constant__
#define __launch_bounds__(threads)

namespace on_host {

constexpr unsigned kBlockThreads = 5;

struct Index {
  unsigned x = 0, y = 0;
};

class Barrier {
 public:
  explicit Barrier(unsigned count) : count_(count) {}
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    const uint64_t round = round_;
    if (++arrived_ == count_) {
      arrived_ = 0;
      ++round_;
      changed_.notify_all();
    } else {
      changed_.wait(lock, [&] { return round_ != round; });
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned count_, arrived_ = 0;
  uint64_t round_ = 0;
};

inline Barrier barrier(kBlockThreads);
alignas(16) inline float shared_floats[12 * 1024];

}  // namespace on_host

inline thread_local on_host::Index threadIdx, blockIdx;
inline thread_local on_host::Index gridDim, blockDim{on_host::kBlockThreads, 1};

struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};

inline void __syncthreads() { on_host::barrier.wait(); }

inline std::mutex &atomic_mutex() {
  static std::mutex mutex;
  return mutex;
}
template <class T, class Change>
void atomic_change(T *at, Change change) {
  const std::lock_guard<std::mutex> lock(atomic_mutex());
  *at = change(*at);
}
inline void atomicMin(uint32_t *at, uint32_t value) {
  atomic_change(at, [=](uint32_t old) { return old < value ? old : value; });
}
inline void atomicMax(uint32_t *at, uint32_t value) {
  atomic_change(at, [=](uint32_t old) { return old > value ? old : value; });
}
inline void atomicAnd(int32_t *at, int32_t value) {
  atomic_change(at, [=](int32_t old) { return old & value; });
}
inline void atomicOr(int32_t *at, int32_t value) {
  atomic_change(at, [=](int32_t old) { return old | value; });
}

#define SCORECAM_SHARED_MEMORY(name) float *const name = on_host::shared_floats

namespace on_host {

// kernel<<<grid, kBlockThreads, shared_bytes>>>(), and waits for it.
template <class Kernel>
void launch(unsigned grid_x, unsigned grid_y, int64_t shared_bytes, Kernel kernel) {
  if (shared_bytes > static_cast<int64_t>(sizeof shared_floats)) std::abort();
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kBlockThreads; ++t)
    threads.emplace_back([=] {
      threadIdx.x = t;
      gridDim = {grid_x, grid_y};
      for (unsigned y = 0; y < grid_y; ++y)
        for (unsigned x = 0; x < grid_x; ++x) {
          blockIdx = {x, y};
          barrier.wait();
          kernel();
        }
    });
  for (std::thread &thread : threads) thread.join();
}

}  // namespace on_host
