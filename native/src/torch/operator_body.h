// What the bodies of our operators share: LibTorch's functions, its tensors' handles, and how a failure is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "common/failure.h"
#include "scorecam.h"
#include "torch/stable_abi.h"

namespace scorecam {

// Set by find_torch_once, before any operator is registered, and never again.
extern Torch torch;

// Finds the functions of the LibTorch of that file, unless they were found before.
void find_torch_once(const char *library);

inline void require(bool condition, const std::string &message) {
  if (!condition) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%.400s", message.c_str());
}

inline void succeeded(int32_t status, const char *function) {
  if (status != 0) fail(SCORECAM_STATUS_INTERNAL, "LibTorch's %s failed", function);
}
#define CALL(name, ...) succeeded(torch.name(__VA_ARGS__), #name)

// A handle that is deleted with the object.
class Handle {
 public:
  Handle() = default;
  explicit Handle(TorchTensor *tensor) : tensor_(tensor) {}
  explicit Handle(StableValue value) : tensor_(reinterpret_cast<TorchTensor *>(value)) {}
  ~Handle() { reset(nullptr); }
  Handle(const Handle &) = delete;
  Handle &operator=(const Handle &) = delete;

  TorchTensor *get() const { return tensor_; }
  void reset(TorchTensor *tensor) {
    if (tensor_ != nullptr) torch.aoti_torch_delete_tensor_object(tensor_);
    tensor_ = tensor;
  }
  StableValue release() {
    TorchTensor *tensor = tensor_;
    tensor_ = nullptr;
    return reinterpret_cast<StableValue>(tensor);
  }

  template <class T>
  T *data() const {
    void *data = nullptr;
    CALL(aoti_torch_get_data_ptr, tensor_, &data);
    return static_cast<T *>(data);
  }

  int32_t dtype() const {
    int32_t dtype = 0;
    CALL(aoti_torch_get_dtype, tensor_, &dtype);
    return dtype;
  }
  int64_t rank() const {
    int64_t rank = 0;
    CALL(aoti_torch_get_dim, tensor_, &rank);
    return rank;
  }
  const int64_t *sizes() const {
    int64_t *sizes = nullptr;
    CALL(aoti_torch_get_sizes, tensor_, &sizes);
    return sizes;
  }
  const int64_t *strides() const {
    int64_t *strides = nullptr;
    CALL(aoti_torch_get_strides, tensor_, &strides);
    return strides;
  }

 private:
  TorchTensor *tensor_ = nullptr;
};

// Those of a list of tensors, which is deleted.
inline std::deque<Handle> handles_of(StableValue list) {
  const auto remove = [](TorchList *own) { torch.torch_delete_list(own); };
  const std::unique_ptr<TorchList, decltype(remove)> tensors(reinterpret_cast<TorchList *>(list), remove);
  std::deque<Handle> handles;
  std::size_t size = 0;
  CALL(torch_list_size, tensors.get(), &size);
  for (std::size_t i = 0; i < size; ++i) {
    StableValue item = 0;
    CALL(torch_list_get_item, tensors.get(), i, &item);
    handles.emplace_back(item);
  }
  return handles;
}

inline std::string list(const int64_t *values, int64_t count) {
  std::string text = "[";
  for (int64_t i = 0; i < count; ++i) text += (i ? ", " : "") + std::to_string(values[i]);
  return text + "]";
}

inline bool truth(StableValue value) { return (value & 0xff) != 0; }

// Runs an operator's body. LibTorch has its own way to be told of a failure, which unwinds to its caller: no object
// of ours is alive any more by then.
template <class Body>
void reporting(const char *name, Body &&body) {
  if (guarded(body) != SCORECAM_STATUS_OK)
    torch.aoti_torch_check(false, name, __FILE__, __LINE__, scorecam_last_message());
}

}  // namespace scorecam
