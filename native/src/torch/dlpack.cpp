// Tensors to and from DLPack by the functions that LibTorch has for it. They are C++, and are found by their mangled
// names: a LibTorch in which their parameters changed has none of these names.
#include "torch/dlpack.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>

#include "common/failure.h"
#include "torch/dlpack_abi.h"
#include "torch/stable_abi.h"

namespace scorecam {
namespace {

// at::Tensor: one pointer, which is copied and destroyed by functions of its class, so that it is returned in memory
// of the caller's. The object that it points to is handed on, and never released here.
struct TorchTensorObject {
  void *impl = nullptr;
  TorchTensorObject() = default;
  TorchTensorObject(TorchTensorObject &&other) noexcept : impl(other.impl) {}
  ~TorchTensorObject() {}  // NOLINT: what counts is that it is not trivial
};
static_assert(sizeof(TorchTensorObject) == sizeof(void *), "at::Tensor is one pointer");

using Released = std::function<void(void *)>;

constexpr const char *kToPlain = "_ZN2at8toDLPackERKNS_6TensorE";
constexpr const char *kToVersioned = "_ZN2at17toDLPackVersionedERKNS_6TensorE";
#if defined(_LIBCPP_VERSION)
constexpr const char *kFromVersioned =
    "_ZN2at19fromDLPackVersionedEP24DLManagedTensorVersionedNSt3__18functionIFvPvEEE";
#else
constexpr const char *kFromVersioned = "_ZN2at19fromDLPackVersionedEP24DLManagedTensorVersionedSt8functionIFvPvEE";
#endif

// Calls the producer's deleter when the last copy of the function that holds it is gone, and not before the tensor has
// been handed out: after a failure the memory is still the caller's to delete.
class Producer {
 public:
  explicit Producer(std::function<void()> deleter) : deleter_(std::move(deleter)) {}
  Producer(const Producer &) = delete;
  Producer &operator=(const Producer &) = delete;
  ~Producer() {
    if (handed_over_) deleter_();
  }
  void hand_over() noexcept { handed_over_ = true; }

 private:
  std::function<void()> deleter_;
  bool handed_over_ = false;
};

template <class Managed>
std::shared_ptr<Producer> producer_of(Managed *managed) {
  return std::make_shared<Producer>([managed] {
    if (managed->deleter != nullptr) managed->deleter(managed);
  });
}

void check_form(std::int32_t form) {
  if (form != SCORECAM_DLPACK_PLAIN && form != SCORECAM_DLPACK_VERSIONED)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "form is %d, neither SCORECAM_DLPACK_PLAIN nor SCORECAM_DLPACK_VERSIONED",
         static_cast<int>(form));
}

// Where LibTorch takes memory, without asking whether there is such a device.
void check_device(const DLDevice &device, std::int32_t cuda_devices) {
  if (device.device_type == kDLCPU || device.device_type == kDLCUDAHost) return;
  if (device.device_type != kDLCUDA)
    fail(SCORECAM_STATUS_UNSUPPORTED, "a DLPack tensor is on a device of type %d, neither the CPU nor CUDA's",
         static_cast<int>(device.device_type));
  if (device.device_id < 0 || device.device_id >= cuda_devices)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "a DLPack tensor is on the CUDA device %d, and there are %d of them",
         static_cast<int>(device.device_id), static_cast<int>(cuda_devices));
}

// Whether the elements, of which there are some, lie within so many bytes that they can be counted. Where they do not,
// LibTorch ends the process.
bool can_be_counted(const DLTensor &tensor) {
  const std::int64_t bytes = (static_cast<std::int64_t>(tensor.dtype.bits) * tensor.dtype.lanes + 7) / 8;
  const std::int64_t most = INT64_MAX / std::max<std::int64_t>(1, bytes) - 1;
  std::int64_t last = 0;
  for (std::int32_t i = tensor.ndim - 1; i >= 0; --i) {
    const std::int64_t stride = tensor.strides == nullptr ? last + 1 : tensor.strides[i];
    const std::int64_t steps = tensor.shape[i] - 1;
    if (steps > 0 && stride > (most - last) / steps) return false;
    last += steps * stride;
  }
  return true;
}

// What LibTorch does not check, or passes over: it ignores the offset.
DLTensor checked(DLTensor tensor, std::int32_t cuda_devices) {
  if (tensor.ndim < 0 || (tensor.ndim > 0 && tensor.shape == nullptr))
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "a DLPack tensor of %d dimensions has no shape",
         static_cast<int>(tensor.ndim));
  bool empty = false;
  for (std::int32_t i = 0; i < tensor.ndim; ++i) {
    if (tensor.shape[i] < 0 || (tensor.strides != nullptr && tensor.strides[i] < 0))
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "dimension %d of a DLPack tensor has the size %lld and the stride %lld",
           static_cast<int>(i), static_cast<long long>(tensor.shape[i]),
           tensor.strides == nullptr ? 0LL : static_cast<long long>(tensor.strides[i]));
    empty = empty || tensor.shape[i] == 0;
  }
  if (!empty && !can_be_counted(tensor))
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "a DLPack tensor spans more bytes than 63 bits can count");
  check_device(tensor.device, cuda_devices);
  if (tensor.data == nullptr && !empty)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "a DLPack tensor with elements is at address 0");
  if (tensor.data != nullptr) tensor.data = static_cast<char *>(tensor.data) + tensor.byte_offset;
  tensor.byte_offset = 0;
  // Page-locked memory of the host is for the CPU as any other.
  if (tensor.device.device_type == kDLCUDAHost) tensor.device = {kDLCPU, 0};
  return tensor;
}

}  // namespace

void *to_dlpack(const char *library, const void *tensor, std::int32_t form, std::int32_t read_only) {
  check_form(form);
  if (tensor == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "tensor is null");
  if (form == SCORECAM_DLPACK_PLAIN) {
    if (read_only != 0)
      fail(SCORECAM_STATUS_UNSUPPORTED, "DLPack's plain form cannot say that memory is only to be read");
    return find_in_torch<DLManagedTensor *(*)(const void *)>(library, kToPlain)(tensor);
  }
  DLManagedTensorVersioned *managed =
      find_in_torch<DLManagedTensorVersioned *(*)(const void *)>(library, kToVersioned)(tensor);
  if (read_only != 0) managed->flags |= DLPACK_FLAG_BITMASK_READ_ONLY;
  return managed;
}

void from_dlpack(const char *library, void *managed, std::int32_t form, std::int32_t read_only,
                 std::int32_t cuda_devices, void *tensor) {
  check_form(form);
  if (managed == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "managed is null");
  if (tensor == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "tensor is null");
  // LibTorch reads this one during the call, and calls the function that it is given, not a deleter in here.
  DLManagedTensorVersioned view = {{SCORECAM_DLPACK_MAJOR, 0}, nullptr, nullptr, 0, {}};
  std::shared_ptr<Producer> producer;
  if (form == SCORECAM_DLPACK_VERSIONED) {
    auto *theirs = static_cast<DLManagedTensorVersioned *>(managed);
    if (theirs->version.major != SCORECAM_DLPACK_MAJOR)
      fail(SCORECAM_STATUS_UNSUPPORTED, "a DLPack tensor of version %u.%u cannot be read, only of version %d",
           theirs->version.major, theirs->version.minor, SCORECAM_DLPACK_MAJOR);
    if ((theirs->flags & DLPACK_FLAG_BITMASK_READ_ONLY) != 0 && read_only == 0)
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "a DLPack tensor is only to be read, but one to write to was asked for");
    view.dl_tensor = checked(theirs->dl_tensor, cuda_devices);
    producer = producer_of(theirs);
  } else {
    auto *theirs = static_cast<DLManagedTensor *>(managed);
    view.dl_tensor = checked(theirs->dl_tensor, cuda_devices);
    producer = producer_of(theirs);
  }
  const auto from = find_in_torch<TorchTensorObject (*)(DLManagedTensorVersioned *, Released)>(library, kFromVersioned);
  const TorchTensorObject made = from(&view, [producer](void *) {});
  producer->hand_over();
  *static_cast<void **>(tensor) = made.impl;
}

}  // namespace scorecam
