// The memory of LibTorch's large CPU tensors.
#include "torch/tensor_memory.h"

#include "common/failure.h"

// The standard library is part of the layout that is mirrored.
#include <cstddef>
#if defined(__linux__) && defined(__GLIBCXX__)

#include <atomic>
#include <cstring>
#include <mutex>

#include "cpu/block_range.h"
#include "torch/allocator_abi.h"
#include "torch/stable_abi.h"

namespace scorecam {
namespace {

// Takes large blocks from the process's range; the others, and what finds no room, from the allocator before it, whose
// way to say that memory is short is LibTorch's.
class TensorMemory final : public abi::Allocator {
 public:
  TensorMemory(abi::Allocator *theirs, BlockRange &range) : theirs_(theirs), range_(range) {}

  abi::DataPtr allocate(std::size_t bytes) override {
    void *block = bytes >= BlockRange::kLarge ? range_.take(bytes) : nullptr;
    if (block != nullptr) return {block, {block, give_back}, abi::kCpu, abi::kNoIndex};
    abi::DataPtr pointer = theirs_->allocate(bytes);
    // What is allocated here is freed by the one raw_deleter().
    if (pointer.context.get_deleter() == theirs_->raw_deleter()) pointer.context.get_deleter() = give_back;
    return pointer;
  }

  bool is_simple_data_ptr(const abi::DataPtr &pointer) const override { return pointer.data == pointer.context.get(); }
  abi::Deleter raw_deleter() const override { return give_back; }
  void copy_data(void *to, const void *from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }

 private:
  static void give_back(void *data);

  abi::Allocator *const theirs_;
  BlockRange &range_;
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

// Whether LibTorch's tensors come from it, as far as they were tried.
std::atomic<bool> in_use{false};

constexpr std::int64_t kTriedFloats = BlockRange::kLarge + 54321;

void expect(bool condition, std::int64_t floats, const char *deviation) {
  if (!condition)
    fail(SCORECAM_STATUS_NOT_APPLICABLE, "a tensor of %lld floats that was tried %s", static_cast<long long>(floats),
         deviation);
}

// Makes and frees a tensor in the way that LibTorch's own operators do.
void try_tensor(const Torch &torch, std::int64_t floats, bool large) {
  const BlockRange &range = *BlockRange::of_the_process();
  const std::size_t bytes = static_cast<std::size_t>(floats) * sizeof(float);
  const std::int64_t stride = 1;
  TorchTensor *tensor = nullptr;
  expect(torch.aoti_torch_empty_strided(1, &floats, &stride, torch.aoti_torch_dtype_float32(),
                                        torch.aoti_torch_device_type_cpu(), 0, &tensor) == 0,
         floats, "could not be made");
  void *data = nullptr;
  const bool has_data = torch.aoti_torch_get_data_ptr(tensor, &data) == 0 && data != nullptr;
  const bool is_ours = has_data && range.holds(data);
  const std::size_t length = is_ours ? range.length_of(data) : 0;
  if (has_data) std::memset(data, 0, bytes);
  const bool freed = torch.aoti_torch_delete_tensor_object(tensor) == 0;
  expect(has_data, floats, "has no data");
  expect(freed, floats, "could not be freed");
  expect(is_ours == large, floats, large ? "has its memory elsewhere" : "has memory for large ones");
  if (!large) return;
  expect(length >= bytes, floats, "has less memory than it needs");
  expect(range.length_of(data) != length, floats, "was not given back");
}

}  // namespace

void *tensor_memory(const char *library, void *theirs) {
  require_known_torch(library);
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  if (the_one == nullptr) {
    auto *allocator = static_cast<abi::Allocator *>(theirs);
    if (allocator->raw_deleter() == nullptr)
      fail(SCORECAM_STATUS_NOT_APPLICABLE, "the allocator in use does not say how it frees");
    the_one = new TensorMemory(allocator, BlockRange::make_that_of_the_process());
  }
  return static_cast<abi::Allocator *>(the_one);
}

void try_tensor_memory(const char *library) {
  if (the_one == nullptr) fail(SCORECAM_STATUS_NOT_APPLICABLE, "no allocator was made");
  in_use = false;
  const Torch torch = find_torch(library);
  // The large one of a length that no other thread is likely to take meanwhile, where it lay.
  try_tensor(torch, kTriedFloats, true);
  try_tensor(torch, 3, false);
  in_use = true;
}

void use_huge_pages() {
  if (!in_use)
    fail(SCORECAM_STATUS_NOT_APPLICABLE, "the memory of large tensors is not ours");
  BlockRange::of_the_process()->use_huge_pages();
}

void release_tensor_memory() noexcept {
  if (BlockRange::of_the_process() != nullptr) BlockRange::of_the_process()->release();
}

std::int64_t tensor_memory_peak() noexcept {
  BlockRange *const range = BlockRange::of_the_process();
  return range == nullptr ? 0 : static_cast<std::int64_t>(range->peak());
}

void forget_tensor_memory_peak() noexcept {
  if (BlockRange::of_the_process() != nullptr) BlockRange::of_the_process()->forget_peak();
}

}  // namespace scorecam

#else

namespace scorecam {

void *tensor_memory(const char *, void *) {
  fail(SCORECAM_STATUS_NOT_APPLICABLE, "tensor memory needs Linux and libstdc++");
}
void try_tensor_memory(const char *) { fail(SCORECAM_STATUS_NOT_APPLICABLE, "no allocator was made"); }
void use_huge_pages() { fail(SCORECAM_STATUS_NOT_APPLICABLE, "the memory of large tensors is not ours"); }
void release_tensor_memory() noexcept {}
std::int64_t tensor_memory_peak() noexcept { return 0; }
void forget_tensor_memory_peak() noexcept {}

}  // namespace scorecam

#endif
