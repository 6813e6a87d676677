// DLPack between a neighbour in C and a LibTorch of the test's: no copy, and each deleter called exactly once.
#include "check.h"
#include "dlpack_neighbour.h"
#include "expect_status.h"
#include "fake_dlpack.h"
#include "scorecam.h"

namespace {

const char *const kLibrary = FAKE_DLPACK;
constexpr int kCudaDevices = 2;

template <class Managed>
constexpr int kForm = sizeof(Managed) == sizeof(DLManagedTensor) ? SCORECAM_DLPACK_PLAIN : SCORECAM_DLPACK_VERSIONED;

template <class Managed>
scorecam_status take(Managed *managed, FakeTensor **tensor, int read_only = 0) {
  return scorecam_from_dlpack(kLibrary, managed, kForm<Managed>, read_only, kCudaDevices, tensor);
}

// In, out in both forms, and freed in another order than made.
template <class Managed>
void goes_through(Managed *managed) {
  const int before = neighbour_deleted();
  const char *first = static_cast<const char *>(managed->dl_tensor.data) + managed->dl_tensor.byte_offset;
  FakeTensor *tensor = nullptr;
  EXPECT(OK, "", take(managed, &tensor));
  const DLTensor &view = fake_view(tensor);
  CHECK(view.data == first, "the memory is elsewhere");
  CHECK(view.strides[0] == 1 && view.strides[1] == 2, "the strides are others");
  void *plain = nullptr;
  void *versioned = nullptr;
  EXPECT(OK, "", scorecam_to_dlpack(kLibrary, &tensor, SCORECAM_DLPACK_PLAIN, 0, &plain));
  EXPECT(OK, "", scorecam_to_dlpack(kLibrary, &tensor, SCORECAM_DLPACK_VERSIONED, 1, &versioned));
  auto *read_only = static_cast<DLManagedTensorVersioned *>(versioned);
  CHECK(read_only->flags == DLPACK_FLAG_BITMASK_READ_ONLY, "the flags are %d", static_cast<int>(read_only->flags));
  CHECK(read_only->dl_tensor.data == first, "the memory is copied");
  fake_release(tensor);
  // 1*0 + 2*1 + 3*2 + 4*10 + 5*11 + 6*12
  CHECK(neighbour_takes_plain(static_cast<DLManagedTensor *>(plain)) == 175, "the values are others");
  CHECK(neighbour_deleted() == before, "the memory is gone too early");
  CHECK(neighbour_takes_versioned(read_only) == 175, "the values are others");
  CHECK(neighbour_deleted() == before + 1, "%d deleters were called", neighbour_deleted() - before);
}

template <class Managed>
void is_refused(const char *words, Managed *managed, scorecam_status status) {
  const int before = neighbour_deleted();
  FakeTensor *tensor = nullptr;
  check::status(status, words, take(managed, &tensor), __LINE__);
  CHECK(tensor == nullptr, "a tensor was made");
  CHECK(neighbour_deleted() == before, "a deleter was called for %s", words);
  managed->deleter(managed);
}

}  // namespace

int main() {
  goes_through(neighbour_plain(2, 3));
  goes_through(neighbour_versioned(2, 3, 0));

  // Memory that is only to be read.
  is_refused("only to be read", neighbour_versioned(2, 3, DLPACK_FLAG_BITMASK_READ_ONLY),
             SCORECAM_STATUS_INVALID_ARGUMENT);
  const int before = neighbour_deleted();
  FakeTensor *tensor = nullptr;
  EXPECT(OK, "", take(neighbour_versioned(2, 3, DLPACK_FLAG_BITMASK_READ_ONLY), &tensor, 1));
  fake_release(tensor);
  CHECK(neighbour_deleted() == before + 1, "the deleter was not called");

  // No deleter; page-locked memory; no strides.
  DLManagedTensor *plain = neighbour_plain(1, 2);
  const auto deleter = plain->deleter;
  plain->deleter = nullptr;
  plain->dl_tensor.device.device_type = kDLCUDAHost;
  plain->dl_tensor.strides = nullptr;
  EXPECT(OK, "", take(plain, &tensor));
  CHECK(fake_view(tensor).device.device_type == kDLCPU, "memory of the host is on a device");
  fake_release(tensor);
  deleter(plain);

  DLManagedTensorVersioned *newer = neighbour_versioned(2, 3, 0);
  newer->version.major = 2;
  is_refused("version 2.1", newer, SCORECAM_STATUS_UNSUPPORTED);
  DLManagedTensor *negative = neighbour_plain(2, 3);
  negative->dl_tensor.strides[1] = -1;
  is_refused("the stride -1", negative, SCORECAM_STATUS_INVALID_ARGUMENT);
  DLManagedTensor *wide = neighbour_plain(2, 3);
  wide->dl_tensor.strides[1] = INT64_MAX / 8 + 1;
  is_refused("63 bits", wide, SCORECAM_STATUS_INVALID_ARGUMENT);
  DLManagedTensor *large = neighbour_plain(2, 3);
  large->dl_tensor.shape[0] = INT64_MAX / 3;
  large->dl_tensor.strides = nullptr;
  is_refused("63 bits", large, SCORECAM_STATUS_INVALID_ARGUMENT);
  // Of one element no stride counts.
  DLManagedTensor *one = neighbour_plain(1, 1);
  one->dl_tensor.strides[0] = INT64_MAX;
  EXPECT(OK, "", take(one, &tensor));
  fake_release(tensor);

  // The last CUDA device, the one after it, one before the first, and one of OpenCL.
  DLManagedTensor *cuda = neighbour_plain(2, 3);
  cuda->dl_tensor.device = {kDLCUDA, kCudaDevices - 1};
  EXPECT(OK, "", take(cuda, &tensor));
  fake_release(tensor);
  const int absent_devices[] = {kCudaDevices, -1};
  for (int id : absent_devices) {
    DLManagedTensorVersioned *absent = neighbour_versioned(2, 3, 0);
    absent->dl_tensor.device = {kDLCUDA, id};
    is_refused("there are 2", absent, SCORECAM_STATUS_INVALID_ARGUMENT);
  }
  DLManagedTensor *opencl = neighbour_plain(2, 3);
  opencl->dl_tensor.device = {4, 0};
  is_refused("device of type 4", opencl, SCORECAM_STATUS_UNSUPPORTED);
  DLManagedTensor *nowhere = neighbour_plain(2, 3);
  nowhere->dl_tensor.data = nullptr;
  is_refused("address 0", nowhere, SCORECAM_STATUS_INVALID_ARGUMENT);
  DLManagedTensor *shapeless = neighbour_plain(2, 3);
  shapeless->dl_tensor.shape = nullptr;
  is_refused("no shape", shapeless, SCORECAM_STATUS_INVALID_ARGUMENT);
  // LibTorch refuses before it takes the deleter, and after it.
  fake_refuse(true);
  is_refused("this fake takes nothing", neighbour_versioned(2, 3, 0), SCORECAM_STATUS_INTERNAL);
  fake_refuse(false);
  DLManagedTensor *flat = neighbour_plain(2, 3);
  flat->dl_tensor.ndim = 1;
  is_refused("two dimensions", flat, SCORECAM_STATUS_INTERNAL);

  void *managed = nullptr;
  EXPECT(INVALID_ARGUMENT, "managed is null", scorecam_from_dlpack(kLibrary, nullptr, 0, 0, kCudaDevices, &tensor));
  EXPECT(INVALID_ARGUMENT, "tensor is null", scorecam_to_dlpack(kLibrary, nullptr, 0, 0, &managed));
  EXPECT(INVALID_ARGUMENT, "managed is null", scorecam_to_dlpack(kLibrary, &tensor, 0, 0, nullptr));
  EXPECT(INVALID_ARGUMENT, "form is 2", scorecam_to_dlpack(kLibrary, &tensor, 2, 0, &managed));
  EXPECT(UNSUPPORTED, "plain form", scorecam_to_dlpack(kLibrary, &tensor, SCORECAM_DLPACK_PLAIN, 1, &managed));
  EXPECT(NOT_APPLICABLE, "is not loaded", scorecam_to_dlpack("libtorch_cpu.so", &tensor, 1, 0, &managed));
  return check::report();
}
