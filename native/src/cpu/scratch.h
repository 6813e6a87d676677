// One block of floats per call, cut into a piece per thread. Taken before threads start, since nothing may be
// thrown from within them.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

#include "cpu/block_range.h"
#include "cpu/row_kernels.h"

namespace scorecam {

class Scratch {
 public:
  // Pieces start on cache lines of their own.
  Scratch(int pieces, int64_t floats_each) : stride_(padded(floats_each)) {
    const std::size_t bytes = static_cast<std::size_t>(stride_) * static_cast<std::size_t>(pieces) * sizeof(float);
    // Kept from call to call where such memory is; the C library gives large blocks back.
    if (bytes >= BlockRange::kLarge && BlockRange::of_the_process() != nullptr)
      floats_ = static_cast<float *>(BlockRange::of_the_process()->take(bytes));
    if (floats_ == nullptr && ::posix_memalign(reinterpret_cast<void **>(&floats_), kRowPad * sizeof(float),
                                               bytes ? bytes : 1) != 0)
      throw std::bad_alloc();
  }
  ~Scratch() {
    BlockRange *const range = BlockRange::of_the_process();
    if (range != nullptr && range->holds(floats_))
      range->give_back(floats_);
    else
      std::free(floats_);
  }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  float *piece(int index) const { return floats_ + index * stride_; }

 private:
  int64_t stride_;
  float *floats_ = nullptr;
};

}  // namespace scorecam
