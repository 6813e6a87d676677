#include "common/exit.h"

#include <cstdlib>

#include "common/failure.h"

#if defined(__GLIBC__)
#include <unistd.h>
#endif

namespace scorecam {

#if defined(__GLIBC__)

namespace {

void leave(int status, void *working) {
  if (*static_cast<const volatile int64_t *>(working) > 0) _exit(status);
}

}  // namespace

void exit_at_once_while(const int64_t *working) {
  if (working == nullptr) return;
  // What is registered last is called first: before LibTorch's objects are destroyed under those who use them.
  if (on_exit(leave, const_cast<int64_t *>(working)) != 0) {
    fail(SCORECAM_STATUS_OUT_OF_MEMORY, "nothing more can be registered for the exit of the process");
  }
}

#else

void exit_at_once_while(const int64_t *) {
  fail(SCORECAM_STATUS_NOT_APPLICABLE, "the C library of this system does not tell with which status a process exits");
}

#endif

}  // namespace scorecam
