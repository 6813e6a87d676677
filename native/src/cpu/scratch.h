// One block of floats per call, cut into a piece per thread. Taken before threads start, since nothing may be
// thrown from within them.
#pragma once

#include <cstdint>
#include <new>

#include "common/portable.h"
#include "cpu/row_kernels.h"
#if defined(__linux__)
#include "cpu/block_range.h"
#endif

namespace scorecam {

class Scratch {
 public:
  // Pieces start on cache lines of their own.
  Scratch(int pieces, int64_t floats_each)
      : stride_(padded(floats_each)),
        floats_(take(static_cast<std::size_t>(stride_) * static_cast<std::size_t>(pieces) * sizeof(float))) {
    if (floats_ == nullptr) throw std::bad_alloc();
  }
  ~Scratch() { give_back(floats_); }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  float *piece(int index) const { return floats_ + index * stride_; }

 private:
  // Large blocks are kept from call to call where such memory is; the C library gives them back.
  static float *take(std::size_t bytes) {
    void *block = nullptr;
#if defined(__linux__)
    BlockRange *const range = BlockRange::of_the_process();
    if (range != nullptr && bytes >= BlockRange::kLarge) block = range->take(bytes);
#endif
    return static_cast<float *>(block != nullptr ? block : allocate_aligned(kRowPad * sizeof(float), bytes));
  }

  static void give_back(float *block) {
#if defined(__linux__)
    BlockRange *const range = BlockRange::of_the_process();
    if (range != nullptr && range->holds(block)) return range->give_back(block);
#endif
    free_aligned(block);
  }

  int64_t stride_;
  float *floats_;
};

}  // namespace scorecam
