// A LibTorch that has nothing but DLPack: tensors are counted references to a DLTensor.
#include "fake_dlpack.h"

#include <functional>
#include <stdexcept>

#define EXPORT __attribute__((visibility("default")))

struct FakeTensor {
  int references = 1;
  DLTensor tensor;
  std::int64_t shape[2], strides[2];
  std::function<void(void *)> deleter;
};

namespace {

bool refuses = false;

void copy(FakeTensor &fake, const DLTensor &from) {
  if (from.ndim != 2) throw std::invalid_argument("a fake tensor has two dimensions");
  fake.tensor = from;
  // As LibTorch does it.
  fake.tensor.byte_offset = 0;
  for (int i = 0; i < 2; ++i) {
    fake.shape[i] = from.shape[i];
    fake.strides[i] = from.strides != nullptr ? from.strides[i] : i == 0 ? from.shape[1] : 1;
  }
  fake.tensor.shape = fake.shape;
  fake.tensor.strides = fake.strides;
}

template <class Managed>
Managed *shared(FakeTensor *fake) {
  ++fake->references;
  auto *managed = new Managed{};
  managed->dl_tensor = fake->tensor;
  managed->manager_ctx = fake;
  managed->deleter = [](Managed *self) {
    fake_release(static_cast<FakeTensor *>(self->manager_ctx));
    delete self;
  };
  return managed;
}

}  // namespace

void fake_refuse(bool on) { refuses = on; }

const DLTensor &fake_view(const FakeTensor *fake) { return fake->tensor; }

void fake_release(FakeTensor *fake) {
  if (--fake->references > 0) return;
  if (fake->deleter) fake->deleter(fake->tensor.data);
  delete fake;
}

// The names and parameters that LibTorch's functions have.
namespace at {

class Tensor {
 public:
  explicit Tensor(FakeTensor *fake) : fake_(fake) {}
  Tensor(const Tensor &) = delete;
  Tensor &operator=(const Tensor &) = delete;
  Tensor(Tensor &&other) noexcept : fake_(other.fake_) { other.fake_ = nullptr; }
  ~Tensor() {
    if (fake_ != nullptr) fake_release(fake_);
  }
  FakeTensor *fake() const { return fake_; }

 private:
  FakeTensor *fake_;
};

EXPORT DLManagedTensor *toDLPack(const Tensor &tensor);
EXPORT DLManagedTensorVersioned *toDLPackVersioned(const Tensor &tensor);
EXPORT Tensor fromDLPackVersioned(DLManagedTensorVersioned *managed, std::function<void(void *)> deleter);

DLManagedTensor *toDLPack(const Tensor &tensor) { return shared<DLManagedTensor>(tensor.fake()); }

DLManagedTensorVersioned *toDLPackVersioned(const Tensor &tensor) {
  auto *managed = shared<DLManagedTensorVersioned>(tensor.fake());
  managed->version = {SCORECAM_DLPACK_MAJOR, 1};
  return managed;
}

Tensor fromDLPackVersioned(DLManagedTensorVersioned *managed, std::function<void(void *)> deleter) {
  if (refuses) throw std::runtime_error("this fake takes nothing");
  auto *fake = new FakeTensor;
  Tensor made(fake);
  copy(*fake, managed->dl_tensor);
  fake->deleter = std::move(deleter);
  return made;
}

}  // namespace at
