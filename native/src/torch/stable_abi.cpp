#include "torch/stable_abi.h"

#include "common/failure.h"

#if defined(_WIN32)

namespace scorecam {

Torch find_torch(const char *) {
  fail(SCORECAM_STATUS_NOT_APPLICABLE, "operators are not registered on Windows");
}

}  // namespace scorecam

#else

#include <dlfcn.h>

namespace scorecam {

Torch find_torch(const char *library) {
  // Only a handle to what is there: a second LibTorch would have a dispatcher of its own.
  void *handle = ::dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) fail(SCORECAM_STATUS_NOT_APPLICABLE, "%.300s is not loaded", library);
  Torch torch;
#define FIND(result, name, parameters)                                    \
  torch.name = reinterpret_cast<result(*) parameters>(::dlsym(handle, #name)); \
  if (torch.name == nullptr) fail(SCORECAM_STATUS_NOT_APPLICABLE, "%.300s has no " #name, library);
  SCORECAM_TORCH_FUNCTIONS(FIND)
#undef FIND
  return torch;
}

}  // namespace scorecam

#endif
