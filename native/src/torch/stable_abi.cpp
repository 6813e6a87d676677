#include "torch/stable_abi.h"

#include "common/failure.h"

#if defined(_WIN32)

namespace scorecam {

Torch find_torch(const char *) {
  fail(SCORECAM_STATUS_NOT_APPLICABLE, "operators are not registered on Windows");
}

void *address_in_torch(const char *, const char *) {
  fail(SCORECAM_STATUS_NOT_APPLICABLE, "LibTorch's functions are not looked up on Windows");
}

}  // namespace scorecam

#else

#include <dlfcn.h>

namespace scorecam {
namespace {

// Only a handle to what is there: a second LibTorch would have a dispatcher of its own.
void *loaded(const char *library) {
  void *handle = ::dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) fail(SCORECAM_STATUS_NOT_APPLICABLE, "%.300s is not loaded", library);
  return handle;
}

void *find(void *handle, const char *library, const char *name) {
  void *found = ::dlsym(handle, name);
  if (found == nullptr) fail(SCORECAM_STATUS_NOT_APPLICABLE, "%.300s has no %s", library, name);
  return found;
}

}  // namespace

void *address_in_torch(const char *library, const char *name) { return find(loaded(library), library, name); }

Torch find_torch(const char *library) {
  void *handle = loaded(library);
  Torch torch;
#define FIND(result, name, parameters) torch.name = reinterpret_cast<result(*) parameters>(find(handle, library, #name));
  SCORECAM_TORCH_FUNCTIONS(FIND)
#undef FIND
  return torch;
}

TorchVersion version_of_torch(const char *library) {
  const auto version = find_in_torch<uint64_t (*)()>(library, "aoti_torch_abi_version")();
  return {static_cast<int>(version >> 56), static_cast<int>(version >> 48 & 0xff)};
}

}  // namespace scorecam

#endif
