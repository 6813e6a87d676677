// The memory of LibTorch's large CPU tensors.
#include "torch/tensor_memory.h"

#include "common/failure.h"

#if defined(__linux__)

#include <unistd.h>

#include <atomic>
#include <cstring>
#include <mutex>

#include "cpu/block_range.h"
#include "torch/allocator_abi.h"
#include "torch/stable_abi.h"

namespace scorecam {
namespace {

// Smaller blocks the C library keeps by itself.
constexpr std::size_t kLarge = std::size_t{1} << 18;

std::size_t physical_memory() {
  return static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// Takes large blocks from a range of its own; the others, and what finds no room, from the allocator before it, whose
// way to say that memory is short is LibTorch's.
class TensorMemory final : public abi::Allocator {
 public:
  explicit TensorMemory(abi::Allocator *theirs) : theirs_(theirs), range_(physical_memory()) {}

  abi::DataPtr allocate(std::size_t bytes) override {
    void *block = bytes >= kLarge ? range_.take(bytes) : nullptr;
    if (block != nullptr) return {block, {block, give_back}, abi::kCpu, abi::kNoIndex};
    abi::DataPtr pointer = theirs_->allocate(bytes);
    // What is allocated here is freed by the one raw_deleter().
    if (pointer.context.get_deleter() == theirs_->raw_deleter()) pointer.context.get_deleter() = give_back;
    return pointer;
  }

  bool is_simple_data_ptr(const abi::DataPtr &pointer) const override { return pointer.data == pointer.context.get(); }
  abi::Deleter raw_deleter() const override { return give_back; }
  void copy_data(void *to, const void *from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }

  BlockRange &range() { return range_; }

 private:
  static void give_back(void *data);

  abi::Allocator *const theirs_;
  BlockRange range_;
};

// Never deleted: tensors of static objects are freed when the process ends.
std::atomic<TensorMemory *> the_one{nullptr};

void TensorMemory::give_back(void *data) {
  TensorMemory &memory = *the_one;
  if (memory.range_.holds(data))
    memory.range_.give_back(data);
  else
    memory.theirs_->raw_deleter()(data);
}

}  // namespace

void *tensor_memory(const char *library, void *theirs) {
  if (theirs == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "theirs is null");
  const TorchVersion version = version_of_torch(library);
  if (version.major != abi::kMajor || version.minor != abi::kMinor)
    fail(SCORECAM_STATUS_NOT_APPLICABLE, "this is LibTorch %d.%d, not %d.%d", version.major, version.minor, abi::kMajor,
         abi::kMinor);
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  if (the_one == nullptr) the_one = new TensorMemory(static_cast<abi::Allocator *>(theirs));
  return static_cast<abi::Allocator *>(the_one);
}

void use_huge_pages() {
  if (the_one == nullptr) fail(SCORECAM_STATUS_NOT_APPLICABLE, "the memory of large tensors is not ours");
  the_one.load()->range().use_huge_pages();
}

void release_tensor_memory() noexcept {
  if (the_one != nullptr) the_one.load()->range().release();
}

}  // namespace scorecam

#else

namespace scorecam {

void *tensor_memory(const char *, void *) { fail(SCORECAM_STATUS_NOT_APPLICABLE, "tensor memory is Linux's alone"); }
void use_huge_pages() { fail(SCORECAM_STATUS_NOT_APPLICABLE, "huge pages are Linux's alone"); }
void release_tensor_memory() noexcept {}

}  // namespace scorecam

#endif
