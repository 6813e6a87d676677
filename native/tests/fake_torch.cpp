#include "fake_torch.h"

#include <cstdlib>
#include <cstring>

#include "torch/stable_abi.h"

using scorecam::TorchTensor;
using scorecam::abi::Allocator;
using scorecam::abi::DataPtr;

namespace scorecam {
struct TorchTensor {
  DataPtr memory;
};
}  // namespace scorecam

namespace {

class Plain final : public Allocator {
 public:
  DataPtr allocate(std::size_t bytes) override {
    void *data = std::malloc(bytes);
    return {data, {data, &std::free}, scorecam::abi::kCpu, scorecam::abi::kNoIndex};
  }
  bool is_simple_data_ptr(const DataPtr &) const override { return true; }
  scorecam::abi::Deleter raw_deleter() const override { return &std::free; }
  void copy_data(void *to, const void *from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }
};

Plain plain;
Allocator *in_use = &plain;
Fault fault = Fault::kNone;

}  // namespace

Allocator *fake_torch_allocator() { return &plain; }

void fake_torch_use(Allocator *allocator, Fault with) {
  in_use = allocator;
  fault = with;
}

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT uint64_t aoti_torch_abi_version() {
  return uint64_t{scorecam::kKnownMajor} << 56 | uint64_t{scorecam::kKnownMinor} << 48;
}
EXPORT int32_t aoti_torch_dtype_float32() { return 6; }
EXPORT int32_t aoti_torch_device_type_cpu() { return 0; }
EXPORT int32_t aoti_torch_empty_strided(int64_t rank, const int64_t *sizes, const int64_t *, int32_t, int32_t, int32_t,
                                        TorchTensor **tensor) {
  std::size_t bytes = sizeof(float);
  for (int64_t i = 0; i < rank; ++i) bytes *= static_cast<std::size_t>(sizes[i]);
  if (fault == Fault::kLargeForSmall && bytes < 1 << 20) bytes = 1 << 20;
  *tensor = new TorchTensor{(fault == Fault::kOwnMemory ? &plain : in_use)->allocate(bytes)};
  return 0;
}
EXPORT int32_t aoti_torch_get_data_ptr(TorchTensor *tensor, void **data) {
  *data = tensor->memory.data;
  return 0;
}
EXPORT int32_t aoti_torch_delete_tensor_object(TorchTensor *tensor) {
  if (fault == Fault::kNotFreed) static_cast<void>(tensor->memory.context.release());
  delete tensor;
  return 0;
}

// These are looked up, and not called.
EXPORT int32_t aoti_torch_library_init_def(const char *, const char *, uint32_t, void **) { std::abort(); }
EXPORT int32_t aoti_torch_library_init_impl(const char *, const char *, const char *, uint32_t, void **) {
  std::abort();
}
EXPORT int32_t aoti_torch_library_def(void *, const char *) { std::abort(); }
EXPORT int32_t aoti_torch_library_impl(void *, const char *, scorecam::StableKernel) { std::abort(); }
EXPORT int32_t aoti_torch_library_init_fragment(const char *, const char *, uint32_t, void **) { std::abort(); }
EXPORT int32_t aoti_torch_get_device_type(TorchTensor *, int32_t *) { std::abort(); }
EXPORT int32_t aoti_torch_get_device_index(TorchTensor *, int32_t *) { std::abort(); }
EXPORT int32_t torch_list_size(scorecam::TorchList *, std::size_t *) { std::abort(); }
EXPORT int32_t torch_list_get_item(scorecam::TorchList *, std::size_t, scorecam::StableValue *) { std::abort(); }
EXPORT int32_t torch_delete_list(scorecam::TorchList *) { std::abort(); }
EXPORT int32_t aoti_torch_dtype_float16() { std::abort(); }
EXPORT int32_t aoti_torch_dtype_bfloat16() { std::abort(); }
EXPORT int32_t aoti_torch_dtype_float64() { std::abort(); }
EXPORT int32_t aoti_torch_dtype_int64() { std::abort(); }
EXPORT int32_t aoti_torch_get_dim(TorchTensor *, int64_t *) { std::abort(); }
EXPORT int32_t aoti_torch_get_sizes(TorchTensor *, int64_t **) { std::abort(); }
EXPORT int32_t aoti_torch_get_strides(TorchTensor *, int64_t **) { std::abort(); }
EXPORT int32_t aoti_torch_get_dtype(TorchTensor *, int32_t *) { std::abort(); }
EXPORT int32_t aoti_torch_copy_(TorchTensor *, TorchTensor *, int32_t) { std::abort(); }
EXPORT void aoti_torch_check(bool, const char *, const char *, uint32_t, const char *) { std::abort(); }
