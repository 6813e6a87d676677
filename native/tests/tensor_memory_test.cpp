// What becomes of an allocator that LibTorch does not use as it should.
#include <cstring>

#include "check.h"
#include "fake_torch.h"
#include "scorecam.h"

namespace {

void expect(scorecam_status status, const char *words, scorecam_status actual) {
  CHECK(actual == status, "%s, not %s", scorecam_status_name(actual), scorecam_status_name(status));
  CHECK(std::strstr(scorecam_last_message(), words) != nullptr, "\"%s\" lacks \"%s\"", scorecam_last_message(), words);
}

}  // namespace

int main() {
  const char *library = FAKE_TORCH;
  const auto attempt = [&] { return scorecam_try_tensor_memory(library); };
  const scorecam_status refused = SCORECAM_STATUS_NOT_APPLICABLE;
  expect(refused, "no allocator was made", attempt());

  void *made = nullptr;
  const scorecam_status status = scorecam_tensor_memory(library, fake_torch_allocator(), &made);
  if (status == SCORECAM_STATUS_NOT_APPLICABLE) {
    std::printf("skipped: %s\n", scorecam_last_message());
    return 77;
  }
  expect(SCORECAM_STATUS_OK, "", status);
  void *other = nullptr;
  expect(refused, "libtorch_cpu.so is not loaded",
         scorecam_tensor_memory("libtorch_cpu.so", fake_torch_allocator(), &other));
  auto *ours = static_cast<scorecam::abi::Allocator *>(made);

  // Made, but LibTorch was not told.
  expect(refused, "has its memory elsewhere", attempt());
  fake_torch_use(ours, Fault::kOwnMemory);
  expect(refused, "has its memory elsewhere", attempt());
  fake_torch_use(ours, Fault::kNotFreed);
  expect(refused, "was not given back", attempt());
  fake_torch_use(ours, Fault::kLargeForSmall);
  expect(refused, "a tensor of 3 floats that was tried has memory for large ones", attempt());
  expect(refused, "the memory of large tensors is not ours", scorecam_use_huge_pages());

  fake_torch_use(ours, Fault::kNone);
  expect(SCORECAM_STATUS_OK, "", attempt());
  scorecam_forget_tensor_memory_peak();
  expect(SCORECAM_STATUS_OK, "", attempt());
  CHECK(scorecam_tensor_memory_peak() > 1 << 20, "a peak of %lld bytes",
        static_cast<long long>(scorecam_tensor_memory_peak()));
  return check::report();
}
