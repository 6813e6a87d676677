#include "torch/stable_abi.h"

#include "common/failure.h"

#if defined(_WIN32)

namespace scorecam {

Torch find_torch(const char *) {
  fail(SCORECAM_STATUS_NOT_APPLICABLE, "operators are not registered on Windows");
}

void require_known_torch(const char *) {
  fail(SCORECAM_STATUS_NOT_APPLICABLE, "LibTorch's version is not looked up on Windows");
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
  if (library == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "library is null");
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

void require_known_torch(const char *library) {
  const auto version = find_in_torch<uint64_t (*)()>(library, "aoti_torch_abi_version")();
  const int found_major = static_cast<int>(version >> 56), found_minor = static_cast<int>(version >> 48 & 0xff);
  if (found_major != kKnownMajor || found_minor != kKnownMinor)
    fail(SCORECAM_STATUS_NOT_APPLICABLE, "this is LibTorch %d.%d, not %d.%d", found_major, found_minor, kKnownMajor,
         kKnownMinor);
}

}  // namespace scorecam

#endif
